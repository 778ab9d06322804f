// Run a TensorFlow.js graph model, the original of a port: what it says about pictures of raw bytes, as raw floats.
//
//   node graph_model.mjs MODEL.json OUTPUTS float32|int32 SIDE PICTURE...
//
// OUTPUTS are names of the graph, with commas between; PICTURE.NUMBER holds the floats of each. The program runs in a
// folder where `npm install @tensorflow/tfjs @tensorflow/tfjs-backend-wasm` has been; the course itself needs neither.
import fs from "fs";
import path from "path";
import { createRequire } from "module";

const require = createRequire(path.join(process.cwd(), "package.json"));
const tf = require("@tensorflow/tfjs");
const wasm = require("@tensorflow/tfjs-backend-wasm");
wasm.setWasmPaths(path.join(process.cwd(), "node_modules/@tensorflow/tfjs-backend-wasm/dist/"));
await tf.setBackend("wasm");

const [file, names, type, side, ...pictures] = process.argv.slice(2);
const outputs = names.split(",");
const model = JSON.parse(fs.readFileSync(file));
const shards = model.weightsManifest.flatMap((group) => group.paths);
const weights = Buffer.concat(shards.map((shard) => fs.readFileSync(path.join(path.dirname(file), shard))));
const net = await tf.loadGraphModel({
  load: async () => ({
    modelTopology: model.modelTopology,
    format: model.format,
    signature: model.signature,
    weightSpecs: model.weightsManifest.flatMap((group) => group.weights),
    weightData: weights.buffer.slice(weights.byteOffset, weights.byteOffset + weights.length),
  }),
});
for (const picture of pictures) {
  const pixels = tf.tensor4d(new Int32Array(fs.readFileSync(picture)), [1, +side, +side, 3], "int32");
  const said = await net.executeAsync({ [net.inputs[0].name]: tf.cast(pixels, type) }, outputs);
  for (const [number, tensor] of [said].flat().entries())
    fs.writeFileSync(`${picture}.${number}`, Buffer.from(Float32Array.from(await tensor.data()).buffer));
}
