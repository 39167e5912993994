// Prints the tokenizer of the model-input tests, for tokenizer_parity.py.
import { smallTokenizerJson } from "../model-input/small-tokenizer.ts";

process.stdout.write(JSON.stringify(smallTokenizerJson()));
