/** Texts that a page may be given, and must show as what they are. */
export const HOSTILE: Readonly<Record<string, string>> = {
  empty: "",
  blank: " \t\u00a0\u3000 ",
  "of 10,000 characters": "The quick brown fox jumps. ".repeat(371).slice(0, 10_000),
  "one word of 10,000 characters": "x".repeat(10_000),
  emoji: "\u{1f600} family \u{1f468}\u200d\u{1f469}\u200d\u{1f467} flag \u{1f1eb}\u{1f1f7} \u{1f44d}\u{1f3fd}",
  "right to left": "\u202eevil\u202c \u0645\u0631\u062d\u0628\u0627 \u05e9\u05dc\u05d5\u05dd world",
  "of combining marks": `e${"\u0301".repeat(200)} cafe\u0301 \u0061\u030a\u0323`,
  markup: `<img src=x onerror=alert(1)> </text><script>alert(1)</script> & "quoted" 'too' ]]> <!--`,
  "control characters": "a\0b\x01c\x1b[31md\x7fe\r\nf\ufffe\uffff",
  "halves of a pair": "a\ud800b \udfff",
  "of special tokens": "[CLS] [SEP] [MASK] [PAD] [UNK] [MASK][MASK]",
  "a template": "{{alert(1)}} <%= 1 %> __proto__ constructor",
};
