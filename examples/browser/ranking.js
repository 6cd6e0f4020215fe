// Reviews in a CSV file, and the items that they are of, best first.

const TEXT_COLUMNS = ["text", "review", "reviewtext", "reviewbody", "comment", "content", "body", "sentence"];
const ITEM_COLUMNS = ["movie", "film", "title", "item", "product", "productname", "name", "book", "game", "hotel", "movieid", "asin"];
const AVERAGE_REVIEWS = 3;

/** The rows of a CSV file (RFC 4180), the header among them; the delimiter is what its first line has most of. */
export function parseCsv(text) {
  text = text.replace(/^\ufeff/, "");
  const head = text.split(/\r?\n/, 1)[0];
  const count = (mark) => head.split(mark).length;
  const delimiter = [",", ";", "\t", "|"].reduce((best, mark) => (count(mark) > count(best) ? mark : best));
  const rows = [];
  let row = [], cell = "", quoted = false;
  const endCell = () => (row.push(cell), (cell = ""));
  const endRow = () => (endCell(), (row.length > 1 || row[0] !== "") && rows.push(row), (row = []));
  for (let at = 0; at < text.length; at++) {
    const sign = text[at];
    if (quoted) {
      if (sign !== '"') cell += sign;
      else if (text[at + 1] === '"') cell += text[at++];
      else quoted = false;
    } else if (sign === '"' && cell === "") quoted = true;
    else if (sign === delimiter) endCell();
    else if (sign === "\n") endRow();
    else if (sign !== "\r" || text[at + 1] !== "\n") cell += sign;
  }
  if (cell !== "" || row.length) endRow();
  return rows;
}

/** Which columns of a header hold the text and the item: by their usual names, else the last and the first. */
export function columnsOf(header) {
  const plain = header.map((name) => name.toLowerCase().replace(/[^a-z]/g, ""));
  const find = (names) => names.map((name) => plain.indexOf(name)).find((place) => place >= 0);
  const text = find(TEXT_COLUMNS) ?? header.length - 1;
  return { text, item: find(ITEM_COLUMNS) ?? (text === 0 ? header.length - 1 : 0) };
}

/**
 * Items by the mean probability of the positive label, drawn towards the mean of all reviews as if each item had
 * had three average reviews more: a single rave must not come first. (`sentrec recommend` estimates how far to draw.)
 */
export function rank(items, probabilities) {
  const groups = new Map();
  items.forEach((item, row) => {
    const group = groups.get(item) ?? groups.set(item, { item, reviews: 0, sum: 0 }).get(item);
    group.reviews += 1;
    group.sum += probabilities[row];
  });
  const mean = probabilities.reduce((sum, one) => sum + one, 0) / Math.max(1, probabilities.length);
  const scored = [...groups.values()].map(({ item, reviews, sum }) => ({
    item, reviews, mean: sum / reviews, score: (sum + AVERAGE_REVIEWS * mean) / (reviews + AVERAGE_REVIEWS),
  }));
  return scored.sort((a, b) => b.score - a.score || b.reviews - a.reviews || (a.item < b.item ? -1 : 1));
}
