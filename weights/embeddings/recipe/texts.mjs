import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { sentencesOf } from "./settings.mjs";

/**
 * WordNet 3.0, from the files `data.noun` and so on (wndb(5WN)): `offset file type count word id … | gloss`.
 *
 * @returns definitions and examples, each part of a gloss alone; the words; and `words: definition`
 */
export function wordNet(folder) {
  const texts = { definitions: [], examples: [], words: [], entries: [] };
  for (const name of ["data.noun", "data.verb", "data.adj", "data.adv"])
    for (const line of readFileSync(join(folder, name), "utf8").split("\n")) {
      if (line === "" || line.startsWith("  ")) continue; // the licence
      const bar = line.indexOf(" | ");
      const fields = line.slice(0, bar).split(" ");
      const count = Number.parseInt(fields[3], 16);
      const words = Array.from({ length: count }, (_, i) => fields[4 + 2 * i].replace(/\(.*\)$/, "").replaceAll("_", " ")); // biome-ignore format: one line
      const gloss = line.slice(bar + 3).trim();
      const definition = gloss
        .replace(/[;:,]?\s*"[^"]*"[^;"]*/g, "")
        .trim()
        .replace(/[;:]+$/, "");
      texts.examples.push(...[...gloss.matchAll(/"([^"]+)"/g)].map(([, example]) => example.trim()));
      texts.words.push(...words);
      if (definition === "") continue;
      texts.definitions.push(...definition.split("; ").filter((part) => part.length > 2));
      texts.entries.push(`${words.join(", ")}: ${definition}`);
    }
  return texts;
}

const ENTITIES = {
  "&lt;": "<",
  "&gt;": ">",
  "&amp;": "&",
  "&quot;": '"',
  "&#39;": "'",
  "&#8217;": "'",
  "&rsquo;": "'",
};

/** The sentences of a manual in HTML: those of its elements <p>. */
export function manualSentences(folder) {
  const pages = readdirSync(folder, { recursive: true }).filter((name) => name.endsWith(".html") && !name.includes("changelog")); // biome-ignore format: one line
  return pages.sort().flatMap((page) =>
    [...readFileSync(join(folder, page), "utf8").matchAll(/<p>(.*?)<\/p>/gs)].flatMap(([, paragraph]) => {
      const text = paragraph.replace(/<[^>]+>/g, "").replace(/&[#\w]+;/g, (entity) => ENTITIES[entity] ?? " ");
      return [...sentencesOf(text.replace(/\s+/g, " "))];
    }),
  );
}

/** The sentences of the State of the Union addresses since 1930, one text file for each. */
export function addressSentences(folder) {
  const files = readdirSync(folder).filter((name) => /^(19[3-9]|20)\d+_.*\.txt$/.test(name));
  return files.sort().flatMap((name) => [...sentencesOf(readFileSync(join(folder, name), "utf8"))]);
}
