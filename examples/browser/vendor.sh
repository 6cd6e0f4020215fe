#!/bin/sh
# Brings ONNX Runtime for browsers from npm beside the page, into the folder vendor.
set -eu
cd "$(dirname "$0")"
PACKAGE=onnxruntime-web@1.30.0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
npm pack --silent --pack-destination "$work" "$PACKAGE" > /dev/null
tar -xzf "$work"/onnxruntime-web-*.tgz -C "$work"
mkdir -p vendor
for name in ort.wasm.min.mjs ort-wasm-simd-threaded.mjs ort-wasm-simd-threaded.wasm; do
    cp "$work/package/dist/$name" vendor/
done
