// @ts-check
const { BertError, pipeline } = require("plainbert");
const { readSafetensors } = require("plainbert/safetensors");
const { langChainEmbeddings } = require("plainbert/adapters");
const { createRequestHandler } = require("plainbert/serve");
const { compareTensors } = require("plainbert/testing");
const { BertTokenizer } = require("plainbert/tokenizer");
const { accuracy } = require("plainbert/training");

/** @param {string} text */
async function main(text) {
  const unmask = await pipeline("fill-mask");
  const [best] = await unmask(text);
  return best.token_str.toUpperCase();
}

module.exports = {
  main,
  readSafetensors,
  compareTensors,
  createRequestHandler,
  langChainEmbeddings,
  BertTokenizer,
  accuracy,
  BertError,
};
