// Every entry point, for bundlers.
export * as main from "plainbert";
export * as adapters from "plainbert/adapters";
export * as safetensors from "plainbert/safetensors";
export * as serve from "plainbert/serve";
export * as testing from "plainbert/testing";
export * as tokenizer from "plainbert/tokenizer";
export * as training from "plainbert/training";
