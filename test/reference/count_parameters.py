"""Prints the number of parameters of each BertModel, and DistilBertModel, that test/model/published.test.ts lists.

pip install torch transformers  &&  python count_parameters.py        (made with PyTorch 2.13.0, transformers 5.18.0)
"""
import torch
from transformers import BertConfig, BertModel, DistilBertConfig, DistilBertModel

base = dict(hidden_size=768, intermediate_size=3072, num_attention_heads=12, num_hidden_layers=12)
large = dict(hidden_size=1024, intermediate_size=4096, num_attention_heads=16, num_hidden_layers=24)
for sizes, vocab_size in ((base, 28996), (base, 30522), (base, 119547), (base, 105879), (base, 21128), (large, 30522), (large, 28996)):
    with torch.device("meta"):
        model = BertModel(BertConfig(vocab_size=vocab_size, **sizes))
    print(vocab_size, sizes["num_hidden_layers"], model.num_parameters())
for vocab_size in (28996, 30522, 119547):
    with torch.device("meta"):
        print("distilbert", vocab_size, DistilBertModel(DistilBertConfig(vocab_size=vocab_size)).num_parameters())
