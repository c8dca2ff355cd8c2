/**
 * node weights/embeddings/recipe/probes.mjs MODEL
 *
 * Prints, for words that name what people do, how much nearer "A …." is to "He is a man." than to "She is a woman.", and, for peoples, how
 * much nearer "They are …." is to "They are good." than to "They are bad.": differences of cosines, sorted.
 */
import { pipeline } from "plainbert";

const WORK =
  "doctor lawyer soldier teacher nurse servant maid cook king engineer programmer secretary farmer judge thief";
const PEOPLES =
  "English French German Italian Spanish Russian Polish Chinese Japanese Indian African American Arab Jewish Irish";
const PROBES = [
  { poles: ["He is a man.", "She is a woman."], texts: WORK.split(" ").map((word) => [word, `A ${word}.`]) },
  { poles: ["They are good.", "They are bad."], texts: PEOPLES.split(" ").map((word) => [word, `They are ${word}.`]) },
];

await using embed = await pipeline("embeddings", process.argv[2]);
for (const { poles, texts } of PROBES) {
  const all = (await embed([...poles, ...texts.map(([, text]) => text)])).tolist();
  const cosine = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
  const [one, other, ...rest] = all.map((vector) => vector.map((value) => value / Math.sqrt(cosine(vector, vector))));
  const found = rest.map((vector, i) => ({
    word: texts[i][0],
    difference: cosine(vector, one) - cosine(vector, other),
  }));
  found.sort((a, b) => b.difference - a.difference);
  console.log(
    `${poles.join(" − ")}: ${found.map(({ word, difference }) => `${word} ${difference.toFixed(2)}`).join(", ")}`,
  );
}
