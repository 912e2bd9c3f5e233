"""The network, the batches and the optimiser of `btx bench-train`, in plain PyTorch. Prints one JSON object.

Reads a Hugging Face Llama directory (config.json, model.safetensors in fp32), so that both start from the same weights.
"""
import argparse
import json
import math
import os
import struct
import time

import torch
import torch.nn as nn
import torch.nn.functional as F


def read_safetensors(path):
    with open(path, "rb") as f:
        (length,) = struct.unpack("<Q", f.read(8))
        header = json.loads(f.read(length))
        data = bytearray(f.read())
    header.pop("__metadata__", None)
    tensors = {}
    for name, t in header.items():
        begin, end = t["data_offsets"]
        assert t["dtype"] == "F32", name
        tensors[name] = torch.frombuffer(data[begin:end], dtype=torch.float32).view(t["shape"]).clone()
    return tensors


class RMSNorm(nn.Module):
    def __init__(self, dim, eps):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))
        self.eps = eps

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps) * self.weight


def rotate_half(x):
    a, b = x.chunk(2, dim=-1)
    return torch.cat((-b, a), dim=-1)


class Layer(nn.Module):
    def __init__(self, c):
        super().__init__()
        d, f = c["hidden_size"], c["intermediate_size"]
        self.heads, self.groups, self.size = c["num_attention_heads"], c["num_key_value_heads"], c["head_dim"]
        self.q_proj = nn.Linear(d, self.heads * self.size, bias=False)
        self.k_proj = nn.Linear(d, self.groups * self.size, bias=False)
        self.v_proj = nn.Linear(d, self.groups * self.size, bias=False)
        self.o_proj = nn.Linear(self.heads * self.size, d, bias=False)
        self.gate_proj = nn.Linear(d, f, bias=False)
        self.up_proj = nn.Linear(d, f, bias=False)
        self.down_proj = nn.Linear(f, d, bias=False)
        self.input_layernorm = RMSNorm(d, c["rms_norm_eps"])
        self.post_attention_layernorm = RMSNorm(d, c["rms_norm_eps"])

    def forward(self, x, cos, sin, mask):
        b, t, d = x.shape
        h = self.input_layernorm(x)
        q = self.q_proj(h).view(b, t, self.heads, self.size).transpose(1, 2)
        k = self.k_proj(h).view(b, t, self.groups, self.size).transpose(1, 2)
        v = self.v_proj(h).view(b, t, self.groups, self.size).transpose(1, 2)
        q = q * cos + rotate_half(q) * sin
        k = k * cos + rotate_half(k) * sin
        if self.groups != self.heads:
            k = k.repeat_interleave(self.heads // self.groups, dim=1)
            v = v.repeat_interleave(self.heads // self.groups, dim=1)
        scores = q @ k.transpose(2, 3) / math.sqrt(self.size) + mask
        h = (F.softmax(scores, dim=-1) @ v).transpose(1, 2).reshape(b, t, -1)
        x = x + self.o_proj(h)
        h = self.post_attention_layernorm(x)
        return x + self.down_proj(F.silu(self.gate_proj(h)) * self.up_proj(h))


class Llama(nn.Module):
    def __init__(self, c, context):
        super().__init__()
        self.embed_tokens = nn.Embedding(c["vocab_size"], c["hidden_size"])
        self.layers = nn.ModuleList(Layer(c) for _ in range(c["num_hidden_layers"]))
        self.norm = RMSNorm(c["hidden_size"], c["rms_norm_eps"])
        self.lm_head = nn.Linear(c["hidden_size"], c["vocab_size"], bias=False)
        if c["tie_word_embeddings"]:
            self.lm_head.weight = self.embed_tokens.weight
        size = c["head_dim"]
        inverse = c["rope_theta"] ** (-torch.arange(0, size, 2, dtype=torch.float64) / size)
        angles = torch.outer(torch.arange(context, dtype=torch.float64), inverse)
        angles = torch.cat((angles, angles), -1)
        self.cos, self.sin = angles.cos().float(), angles.sin().float()
        self.mask = torch.full((context, context), float("-inf")).triu(1)

    def forward(self, ids):
        x = self.embed_tokens(ids)
        for layer in self.layers:
            x = layer(x, self.cos, self.sin, self.mask)
        return self.lm_head(self.norm(x))


BATCHES = 64  # then they repeat


def token(step, row, position, vocabulary):
    return ((step * 31 + row + 1) * 7919 + position % 16 * 97 + position * row) % vocabulary


def main():
    p = argparse.ArgumentParser()
    p.add_argument("model")
    p.add_argument("--steps", type=int, default=100)
    p.add_argument("--warm-up", type=int, default=5)
    p.add_argument("--batch", type=int, default=2)
    p.add_argument("--context", type=int, default=128)
    p.add_argument("--threads", type=int, default=1)
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    with open(os.path.join(a.model, "config.json")) as f:
        c = json.load(f)
    model = Llama(c, a.context)
    weights = {k.replace("model.", "", 1).replace("self_attn.", "").replace("mlp.", ""): v
               for k, v in read_safetensors(os.path.join(a.model, "model.safetensors")).items()}
    if c["tie_word_embeddings"]:
        weights["lm_head.weight"] = weights["embed_tokens.weight"]
    model.load_state_dict(weights)
    groups = [{"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": 0.05},
              {"params": [p for p in model.parameters() if p.ndim == 1], "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.98), foreach=True)
    # Made before the clock starts: interpreted loops are no part of training.
    batches = [torch.tensor([[token(s, r, i, c["vocab_size"]) for i in range(a.context + 1)] for r in range(a.batch)])
               for s in range(min(BATCHES, a.warm_up + a.steps))]
    losses, start, cpu = [], 0.0, 0.0
    for step in range(a.warm_up + a.steps):
        if step == a.warm_up:
            start, cpu = time.perf_counter(), time.process_time()
        both = batches[step % BATCHES]
        ids, targets = both[:, :-1].contiguous(), both[:, 1:].contiguous()
        loss = F.cross_entropy(model(ids).view(-1, c["vocab_size"]), targets.view(-1))
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        losses.append(loss.item())
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    with open("/proc/self/maps") as maps:
        loaded = maps.read()
    if "openblas" not in loaded and "mkl" not in loaded:
        raise SystemExit("error: this torch multiplies with the reference BLAS, 20 times slower; apt-get install libopenblas0-pthread")
    tokens = a.steps * a.batch * a.context
    print(json.dumps({"tokens_per_second": tokens / seconds, "tokens_per_cpu_second": tokens / cpu, "losses": losses[:50]}))


main()
