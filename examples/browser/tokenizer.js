// The tokenizer of a sentrec model in plain JavaScript: the rules in its tokenizer.json, so that texts get the ids of Python.

const SCRIPTS = new Set(["Han", "Hiragana", "Katakana", "Thai", "Lao", "Khmer", "Myanmar"]);
// What Oniguruma and Python mean by these, which JavaScript takes for ASCII alone.
const CLASSES = { w: "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}", d: "\\p{Nd}", s: "\\p{White_Space}" };
const CASES = { s: "sS\u017f", k: "kK\u212a" };
const ENTITY = /&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});/g;
const NO_TEXT = /^[\x01-\x08\x0b\x0e-\x1f\x7f-\x9f\p{Noncharacter_Code_Point}]$/u;
const APOSTROPHE = /(?<=[\p{L}\p{Nl}\p{No}])[`\u2032\uff07](?=[\p{L}\p{Nl}\p{No}])/gu;
const LONGEST_TEXT = 100_000;
const UNKNOWN_ID = 1;

/** A regular expression of the `tokenizers` library (Oniguruma) as one of JavaScript. */
export function translated(pattern) {
  let flags = "gv";
  if (pattern.startsWith("(?i)")) [pattern, flags] = [pattern.slice(4), "giv"];
  const groups = []; // whether each open group ignores case
  let result = "", depth = 0;
  for (let i = 0; i < pattern.length; i++) {
    const sign = pattern[i], before = pattern[i - 1];
    if (sign === "\\") {
      const next = pattern[++i];
      const property = /^[pP]\{(\^?)(\w+)\}/.exec(pattern.slice(i));
      if (property) {
        result += `\\${next}{${SCRIPTS.has(property[2]) ? "Script=" : ""}${property[2]}}`;
        i += property[0].length - 1;
      } else if (next === "x") {
        result += `\\u${pattern.slice(i + 1, pattern.indexOf("}", i) + 1)}`;
        i = pattern.indexOf("}", i);
      } else if (CLASSES[next.toLowerCase()]) result += `[${next < "a" ? "^" : ""}${CLASSES[next.toLowerCase()]}]`;
      else result += `\\${next}`;
    } else if (depth > 0) {
      if (sign === "[") depth++;
      if (sign === "]") depth--;
      const isRange = sign === "-" && !["[", "^"].includes(before) && pattern[i + 1] !== "]";
      result += "(){}/|".includes(sign) || (sign === "-" && !isRange) ? `\\${sign}` : sign;
    } else if (sign === "[") {
      depth++;
      result += sign;
    } else if (sign === "(") {
      const ignoring = pattern.startsWith("(?i:", i);
      groups.push(ignoring || groups.at(-1) || false);
      result += ignoring ? "(?:" : sign;
      if (ignoring) i += 3;
    } else if (sign === ")") {
      groups.pop();
      result += sign;
    } else if (groups.at(-1) && /[a-z]/i.test(sign)) {
      const lower = sign.toLowerCase();
      result += `[${CASES[lower] ?? lower + lower.toUpperCase()}]`;
    } else result += sign;
  }
  return new RegExp(result, flags);
}

function decoded(entity) {
  const element = document.createElement("textarea");
  element.innerHTML = `.${entity}`; // a line break at the very beginning would be dropped
  const text = element.value.slice(1);
  return entity[1] === "#" && NO_TEXT.test(text) ? "" : text;
}

/** HTML entities decoded, also those that were encoded twice; a back-tick or prime within a word is an apostrophe. */
export function cleaned(text) {
  for (let round = 0; round < 2 && text.includes("&"); round++) text = text.replace(ENTITY, decoded);
  return text.replace(APOSTROPHE, "'");
}

function readable(text) {
  text = text.replace(/\p{Surrogate}/gu, "?");
  const signs = text.length > LONGEST_TEXT ? [...text] : [];
  const half = LONGEST_TEXT / 2;
  return signs.length > LONGEST_TEXT ? `${signs.slice(0, half).join("")} ${signs.slice(-half).join("")}` : text;
}

const NORMALIZERS = {
  NFC: () => (text) => text.normalize("NFC"),
  // Sign by sign: the library knows no final sigma.
  Lowercase: () => (text) => [...text].map((sign) => sign.toLowerCase()).join(""),
  Replace: ({ pattern, content }) => {
    const regex = translated(pattern.Regex ?? pattern.String.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&"));
    return (text) => text.replace(regex, () => content);
  },
  Sequence: ({ normalizers }) => {
    const steps = normalizers.map(normalizer);
    return (text) => steps.reduce((changed, step) => step(changed), text);
  },
};

function normalizer(rules) {
  if (!(rules.type in NORMALIZERS)) throw new Error(`The tokenizer has a rule that this page does not know: ${rules.type}`);
  return NORMALIZERS[rules.type](rules);
}

/** From texts to token ids, as `rules`, the content of a tokenizer.json, say. */
export class Tokenizer {
  constructor(rules) {
    this.normalize = normalizer(rules.normalizer);
    this.token = translated(rules.pre_tokenizer.pattern.Regex);
    this.ids = new Map(Object.entries(rules.model.vocab));
  }

  /** The token ids of a text; one without any token becomes one unknown word. */
  encode(text) {
    const tokens = this.normalize(cleaned(readable(text))).match(this.token) ?? [];
    return tokens.length ? tokens.map((token) => this.ids.get(token) ?? UNKNOWN_ID) : [UNKNOWN_ID];
  }
}

/** What is left of token ids after truncation: the head of a text, its tail, or half of each. */
export function truncated(ids, maxTokens, keep) {
  if (ids.length <= maxTokens) return ids;
  const head = { head: maxTokens, tail: 0, "head-tail": maxTokens - Math.floor(maxTokens / 2) }[keep];
  return [...ids.slice(0, head), ...ids.slice(ids.length - (maxTokens - head))];
}
