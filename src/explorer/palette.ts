/**
 * Cividis (Nuñez, Anderton & Renslow 2018), a sequence of colours whose lightness grows evenly, also for eyes that tell
 * fewer colours apart: 256 of them as six hexadecimal digits each.
 */
const CIVIDIS =
  "00205100215300225500235600235800245900255a00255c00265d00275e00275f002860002961002962002a63002b64012b65022c65" +
  "032d66042d67052e67052f6806306907306908316a09326a0b326a0c336b0d346b0e346b0f356c10366c12376c13376d14386d15396d" +
  "17396d183a6d193b6d1a3b6d1c3c6e1d3d6e1e3e6e203e6e213f6e23406e24406e25416e27426e28436e29436e2b446e2c456e2e456e" +
  "2f466e30476e32486e33486e34496e364a6e374a6e394b6e3a4c6e3b4d6e3d4d6e3e4e6e3f4f6e414f6e42506e43516d44526d46526d" +
  "47536d48546d4a546d4b556d4c566d4d576d4e576e50586e51596e52596e535a6e545b6e565c6e575c6e585d6e595e6e5a5e6e5b5f6e" +
  "5c606e5d616e5e616e60626e61636f62646f63646f64656f65666f66666f67676f6868706969706a69706b6a706c6b706d6c706d6c71" +
  "6e6d716f6e71706f71716f717270717371727471727572727673727674727774737875737976737a77737b77747b78747c79747d7a74" +
  "7e7a747f7b75807c75807d75817d75827e75837f768480768580768581768682768783768884778984778985778a86778b87778c8777" +
  "8d88778e89788e8a788f8a78908b78918c78928d78938e78938e78948f789590789691789792789892789993789a94789b95789b9678" +
  "9c96789d97789e98789f9978a09a78a19a78a29b78a39c78a49d78a59e77a69e77a79f77a8a077a9a177aaa276aba376aca376ada476" +
  "aea575afa675b0a775b2a874b3a874b4a974b5aa73b6ab73b7ac72b8ad72baae72bbae71bcaf71bdb070beb170bfb26fc1b36fc2b46e" +
  "c3b56dc4b56dc5b66cc7b76cc8b86bc9b96acaba6accbb69cdbc68cebc68cfbd67d1be66d2bf66d3c065d4c164d6c263d7c363d8c462" +
  "d9c561dbc660dcc660ddc75fdec85ee0c95de1ca5ce2cb5ce3cc5be4cd5ae6ce59e7cf58e8d058e9d157ead256ebd355ecd454edd453" +
  "eed553f0d652f1d751f1d850f2d950f3da4ff4db4ef5dc4df6dd4df7de4cf8df4bf8e04bf9e14afae249fae349fbe448fbe548fce647" +
  "fce746fde846fde946fdea45";

/** The colours as [256, 3], red, green and blue from 0 to 255. */
export const PALETTE: Uint8Array = Uint8Array.from({ length: 768 }, (_, i) =>
  Number.parseInt(CIVIDIS.slice(2 * i, 2 * i + 2), 16),
);

/** From blue, the lowest, by way of near white to orange, the highest: for numbers on both sides of 0. */
const DIVERGING_STOPS = [
  [8, 69, 148],
  [247, 247, 245],
  [166, 77, 0],
] as const;

/** The colours for numbers with a sign as [256, 3]; those in the middle stand for 0. */
export const DIVERGING: Uint8Array = Uint8Array.from({ length: 768 }, (_, i) => {
  const at = (2 * Math.floor(i / 3)) / 255;
  const [from, to] = at < 1 ? DIVERGING_STOPS : DIVERGING_STOPS.slice(1);
  return Math.round(from[i % 3] + (at < 1 ? at : at - 1) * (to[i % 3] - from[i % 3]));
});

/** The colours for numbers that are at most 0: the lower half of those with a sign, the last stands for 0. */
const BELOW_ZERO = Uint8Array.from({ length: 768 }, (_, i) => DIVERGING[3 * Math.floor(i / 6) + (i % 3)]);

/** The palettes by name: of numbers from 0 on, of numbers with a sign, and of numbers up to 0. */
export const PALETTES: Readonly<Record<"sequential" | "diverging" | "belowZero", Uint8Array>> = {
  sequential: PALETTE,
  diverging: DIVERGING,
  belowZero: BELOW_ZERO,
};
/** The name of a palette. */
export type PaletteName = keyof typeof PALETTES;

/** The place on the palette of a strength from 0 to 1: 0 to 255. */
export function shadeOf(strength: number): number {
  return Math.min(255, Math.max(0, Math.round(255 * strength)));
}

/** A colour of a palette as CSS writes it. */
export function cssColour(shade: number, palette: PaletteName = "sequential"): string {
  const channels = PALETTES[palette].subarray(3 * shade, 3 * shade + 3);
  return `#${[...channels].map((channel) => channel.toString(16).padStart(2, "0")).join("")}`;
}
