import { expect, test, vi } from "vitest";
import { Speaker } from "../../src/explorer/page/speaker.ts";

test("of many messages the first is heard, and then the last of each second", () => {
  vi.useFakeTimers();
  try {
    const heard: string[] = [];
    const region = {
      set textContent(text: string) {
        heard.push(text);
      },
    };
    const speaker = new Speaker(() => region as HTMLElement);
    for (const text of ["a", "b", "", "c"]) speaker.say(text);
    expect(heard).toEqual(["a"]);
    vi.advanceTimersByTime(999);
    expect(heard).toEqual(["a"]);
    vi.advanceTimersByTime(1);
    expect(heard).toEqual(["a", "c"]);
    speaker.say("d");
    expect(heard).toEqual(["a", "c"]);
    vi.advanceTimersByTime(5000);
    expect(heard).toEqual(["a", "c", "d"]);
    speaker.say("e");
    expect(heard).toEqual(["a", "c", "d", "e"]);
  } finally {
    vi.useRealTimers();
  }
});
