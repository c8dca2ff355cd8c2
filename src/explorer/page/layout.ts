/** How wide the parts of the page are, in a window of a width. */
import { sideIn, widthOf } from "../scenes/modelMap.ts";

/** Pixels of the parts; the style sheet has the same columns under the same names. */
export interface Layout {
  /** One column; map and answers beside the head; three columns; for many heads, the map beside head and answers. */
  readonly name: "one" | "two" | "three" | "deep";
  /** Of the columns, as CSS writes them. */
  readonly columns: string;
  /** Of all columns together. */
  readonly whole: number;
  /** Of a head's map. */
  readonly side: number;
  readonly map: number;
  readonly head: number;
  readonly answers: number;
}

/** Pixels of a map's side: the fewest and the most. */
const [LEAST_SIDE, MOST_SIDE] = [20, 148];
/** The widest that the page gets, and that a head and the answers get. */
const [MOST, MOST_HEAD, MOST_ANSWERS] = [2240, 860, 480];

/**
 * @param window pixels of the window
 * @param heads  of a layer
 */
export function layoutOf(window: number, heads: number): Layout {
  const margin = window < 640 ? 16 : 32;
  const inner = Math.min(window - 2 * margin, MOST);
  const gap = window < 1500 ? 40 : 64;
  const sideOf = (width: number) => sideIn(width, heads, LEAST_SIDE, MOST_SIDE);
  const mapOf = (width: number) => Math.min(Math.floor(width), widthOf(heads, MOST_SIDE));
  if (window < 760) {
    return { name: "one", columns: "100%", whole: inner, side: sideOf(inner), map: inner, head: inner, answers: inner };
  }
  const isDeep = heads > 8 && window < 1900;
  if (window < 1180 || isDeep) {
    const map = mapOf(inner * (isDeep ? 0.54 : 0.42));
    const head = Math.min(MOST_HEAD, inner - map - gap);
    const answers = isDeep ? Math.min(MOST_ANSWERS, head) : map;
    const name = isDeep ? "deep" : "two";
    return { name, columns: `${map}px ${head}px`, whole: inner, side: sideOf(map), map, head, answers };
  }
  const map = mapOf(inner * (heads > 8 ? 0.42 : 0.34));
  const answers = Math.min(MOST_ANSWERS, Math.max(300, Math.floor(inner * 0.24)));
  const head = Math.min(MOST_HEAD, inner - map - answers - 2 * gap);
  const columns = `${map}px ${head}px ${answers}px`;
  return { name: "three", columns, whole: inner, side: sideOf(map), map, head, answers };
}

/**
 * Lets the parts that are lower than the highest stay in sight while the page is scrolled: the style sheet makes them
 * stick, here it is told where. One that is higher than the window sticks by its bottom.
 */
export function keepInSight(parts: Iterable<HTMLElement>): void {
  for (const part of parts) observed().observe(part);
}

const stick = (part: HTMLElement): void => {
  part.style.top = `${Math.min(16, innerHeight - part.offsetHeight - 16)}px`;
};

let observer: ResizeObserver | null = null;

function observed(): ResizeObserver {
  if (observer) return observer;
  const all = new Set<HTMLElement>();
  observer = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      all.add(target as HTMLElement);
      stick(target as HTMLElement);
    }
  });
  addEventListener("resize", () => all.forEach(stick));
  return observer;
}

/** Scrolls to a part of the page, unless it is in sight. @returns whether it is there */
export function bringIntoSight(part: Element | null): boolean {
  if (part && part.getBoundingClientRect().top > innerHeight / 2) part.closest(".further")?.scrollIntoView();
  return part !== null;
}
