import { quote } from "../errors.ts";
import { numberRule } from "../training/run/resolvedOptions.ts";
import { camelCased, NUMBER, type Option, UsageError } from "./option.ts";

/** A number that the library takes by the same name: what it must be stands in one place, and is said as a whole. */
export function trainingNumber(description: string, placeholder: "X" | "N" = "X"): Option<number> {
  return {
    placeholder,
    description,
    parse(given, name) {
      const value = given.at(-1)!;
      const { must, fits } = numberRule(camelCased(name));
      const number = NUMBER.test(value) ? Number(value) : Number.NaN;
      if (fits(number)) return number;
      throw new UsageError(`--${name} must be ${must}, got ${quote(value)}`);
    },
  };
}
