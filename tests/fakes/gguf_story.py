"""A language model of about a megabyte that the real llama.cpp server runs.

It is a table, not a training: a llama of one layer whose attention and feed-forward parts are
zero, so the next token follows from the last one alone. Each token has a random unit vector
as its embedding; the output row of a token is the vector of the token that it follows. The
story below has no word twice, so its telling is deterministic, and it goes round for ever.
"""

from pathlib import Path

import gguf
import numpy as np

STORY = (
    "Rain drums softly against our tin roof while Luna pours tea, hums half an old song,"
    " and waits by the window for your next word."
)
SHORT = "Goodnight, traveller."
CONTEXT = 2048
WIDTH = 256
_SAY, _SAY_SHORT = "<|say|>", "<|short|>"
_TEMPLATE = (
    "{% for message in messages %}{{ message['content'] }}\n{% endfor %}"
    "{% if 'short' in messages[-1]['content'] %}" + _SAY_SHORT + "{% else %}" + _SAY + "{% endif %}"
)
_NORMAL, _UNKNOWN, _CONTROL, _BYTE = 1, 2, 3, 6


def _pieces(text: str) -> list[str]:
    return ["\u2581" + word for word in text.split()]


def _vocabulary() -> tuple[list[str], list[int]]:
    """Tokens and their types. Every prefix of a word is there, so that merges can build it."""
    tokens = ["<unk>", "<s>", "</s>", _SAY, _SAY_SHORT]
    types = [_UNKNOWN, _CONTROL, _CONTROL, _CONTROL, _CONTROL]
    for byte in range(256):
        tokens.append(f"<0x{byte:02X}>")
        types.append(_BYTE)
    seen = set(tokens)
    singles = [chr(code) for code in range(33, 127)] + ["\u2581"]
    prefixes = [
        piece[:end] for piece in _pieces(STORY) + _pieces(SHORT) for end in range(2, len(piece) + 1)
    ]
    for token in [*singles, *prefixes]:
        if token not in seen:
            seen.add(token)
            tokens.append(token)
            types.append(_NORMAL)
    return tokens, types


def _followers(index: dict[str, int]) -> list[tuple[int, int]]:
    """(token, the one after it) for everything the model can say."""
    story, short = _pieces(STORY), _pieces(SHORT)
    pairs = [*zip([_SAY, *story], [*story, story[0]], strict=True)]
    pairs += [*zip([_SAY_SHORT, *short], [*short, "</s>"], strict=True)]
    return [(index[a], index[b]) for a, b in pairs]


def write(path: Path) -> Path:
    """Write the model to `path`. Takes well under a second."""
    tokens, types = _vocabulary()
    index = {token: place for place, token in enumerate(tokens)}
    chance = np.random.default_rng(7)
    embedding = chance.standard_normal((len(tokens), WIDTH)).astype(np.float32)
    embedding /= np.linalg.norm(embedding, axis=1, keepdims=True)
    output = np.zeros_like(embedding)
    for before, after in _followers(index):
        output[after] += embedding[before]
    writer = gguf.GGUFWriter(path, "llama")
    _describe(writer, tokens, types)
    zero = np.zeros((WIDTH, WIDTH), np.float16)
    one = np.ones(WIDTH, np.float32)
    writer.add_tensor("token_embd.weight", embedding.astype(np.float16))
    writer.add_tensor("output_norm.weight", one * 2)
    writer.add_tensor("output.weight", output.astype(np.float16))
    for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
        writer.add_tensor(f"blk.0.{name}.weight", zero)
    for name in ("ffn_gate", "ffn_up", "ffn_down"):
        writer.add_tensor(f"blk.0.{name}.weight", zero)
    for name in ("attn_norm", "ffn_norm"):
        writer.add_tensor(f"blk.0.{name}.weight", one)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _describe(writer: gguf.GGUFWriter, tokens: list[str], types: list[int]) -> None:
    writer.add_name("Story")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(WIDTH)
    writer.add_head_count(4)
    writer.add_head_count_kv(4)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_dimension_count(WIDTH // 4)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("llama")
    writer.add_token_list([token.encode() for token in tokens])
    writer.add_token_scores([float(len(token)) for token in tokens])
    writer.add_token_types(types)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_add_bos_token(True)
    writer.add_chat_template(_TEMPLATE)
