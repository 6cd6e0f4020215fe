// A model that `sentrec export RUN --onnx` wrote, run by ONNX Runtime in this page.

import * as ort from "./vendor/ort.wasm.min.mjs";
import { Tokenizer, truncated } from "./tokenizer.js";

ort.env.wasm.numThreads = 1; // several would take headers that a plain file server does not send
const FORMAT = 1;
const METADATA_FIELD = 14; // of onnx.ModelProto
const BATCH_TEXTS = 32, BATCH_TOKENS = 8192;

/** The fields of a protocol buffer message: number, and bytes where it has some. */
function* fieldsOf(bytes) {
  let at = 0;
  const varint = () => {
    let value = 0, factor = 1, byte;
    do {
      byte = bytes[at++];
      value += (byte & 127) * factor;
      factor *= 128;
    } while (byte & 128);
    return value;
  };
  while (at < bytes.length) {
    const key = varint(), kind = key % 8;
    if (kind === 2) {
      const length = varint();
      yield [Math.floor(key / 8), bytes.subarray(at, at + length)];
      at += length;
    } else if (kind === 0) varint();
    else at += kind === 1 ? 8 : 4;
  }
}

function metadataOf(bytes) {
  const decoder = new TextDecoder();
  const entries = [...fieldsOf(bytes)].filter(([number]) => number === METADATA_FIELD);
  return Object.fromEntries(entries.map(([, entry]) => [...fieldsOf(entry)].map(([, text]) => decoder.decode(text))));
}

export class Model {
  /** Reads a model from the bytes of an ONNX file. */
  static async load(bytes) {
    const metadata = metadataOf(bytes);
    if (!metadata.sentrec) throw new Error("This is no model of sentrec. Make one: sentrec export RUN --onnx");
    const settings = JSON.parse(metadata.sentrec);
    if (settings.format !== FORMAT) throw new Error("This model is of another version of sentrec: export it again.");
    const tokenizer = new Tokenizer(JSON.parse(metadata["sentrec.tokenizer"]));
    return new Model(await ort.InferenceSession.create(bytes), settings, tokenizer);
  }

  constructor(session, settings, tokenizer) {
    Object.assign(this, { session, settings, tokenizer, labels: settings.labels });
  }

  /** The probabilities of the labels, an array for each text, in the order of the texts. */
  async predict(texts, onProgress = () => {}) {
    const encoded = texts.map((text) => this.tokenizer.encode(text));
    const order = encoded.map((_, row) => row).sort((a, b) => encoded[a].length - encoded[b].length);
    const answers = new Array(texts.length);
    for (let start = 0, end; start < order.length; start = end) {
      end = start + 1;
      const fits = () => (end - start + 1) * encoded[order[end]].length <= BATCH_TOKENS && end - start < BATCH_TEXTS;
      while (end < order.length && fits()) end++;
      const rows = order.slice(start, end);
      const found = await this.#run(rows.map((row) => encoded[row]));
      rows.forEach((row, place) => (answers[row] = found[place]));
      onProgress(end / order.length);
      await new Promise((resume) => setTimeout(resume)); // lets the page draw
    }
    return answers;
  }

  async #run(batch) {
    const feeds = {};
    for (const { name, max_tokens: most, keep } of this.settings.inputs) {
      const rows = batch.map((ids) => truncated(ids, most, keep));
      const longest = Math.max(...rows.map((ids) => ids.length));
      const values = new BigInt64Array(rows.length * longest); // 0 is padding
      rows.forEach((ids, row) => ids.forEach((id, place) => (values[row * longest + place] = BigInt(id))));
      feeds[name] = new ort.Tensor("int64", values, [rows.length, longest]);
    }
    const { probabilities } = await this.session.run(feeds, ["probabilities"]);
    const width = this.labels.length;
    return batch.map((_, row) => [...probabilities.data.slice(row * width, (row + 1) * width)]);
  }
}
