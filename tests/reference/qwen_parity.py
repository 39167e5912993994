"""Writes tests/fixtures/parity/*.json: what transformers, torch and peft compute with Qwen2.5-VL.

How to run it: README.md. Weights, pixels and loss inputs come from formula.py.
"""
import copy, itertools, json, pathlib, sys
import numpy as np
import peft, torch, transformers
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration
from formula import projections, short, spread, uniforms, weight
from qwen_shapes import (BANNED, CONVERSATIONS, IMAGE, IMAGES, SAME_PROMPT, SHAPES, VISION_END,
                         VISION_START, conversation)

FOLDER = pathlib.Path(__file__).parents[1] / "fixtures" / "parity"
GREEDY_TOKENS, GAP_MIN, DISTINCT_MIN = 64, 1e-3, 8
TEMPERATURE, CLIP_LOW, CLIP_HIGH, KL = 0.9, 0.2, 0.28, 0.05
RANK, ALPHA = 4, 6
# A ratio near a bound of the clip would make the gradient a matter of rounding.
BOUND_DISTANCE_MIN = 1e-4


def published_name(name):
    """A parameter's name in the published checkpoints, for full and for adapted models."""
    name = name.removeprefix("base_model.model.").replace("lora_A.default", "lora_A")
    name = name.replace("lora_B.default", "lora_B").replace(".base_layer", "")
    return name.replace("model.visual.", "visual.").replace("model.language_model.", "model.")


def fill(model):
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            values = weight(published_name(name), tuple(parameter.shape))
            parameter.copy_(torch.from_numpy(values))


def read_config(config):
    # Reading takes parts of the dictionary out.
    return Qwen2_5_VLConfig(**copy.deepcopy(config))


def open_model(config):
    parsed = read_config(config)
    parsed._attn_implementation = "eager"
    model = Qwen2_5_VLForConditionalGeneration(parsed).to(torch.float32).eval()
    fill(model)
    return model


def open_images(config):
    """Pixels and grid by name."""
    vision = config["vision_config"]
    merge = vision["spatial_merge_size"]
    width = 3 * vision["temporal_patch_size"] * vision["patch_size"] ** 2
    images = {}
    for name, (height, across) in IMAGES.items():
        grid = [1, height * merge, across * merge]
        count = grid[1] * grid[2]
        images[name] = spread(f"pixels {name}", count * width, 0, 2).reshape(count, width), grid
    return images


def sequence(parts, images, merge):
    """Ids, names of images and the places of sampled tokens of a conversation."""
    ids, names, chosen = [], [], []
    for part in parts:
        if isinstance(part, str):
            _, (t, h, w) = images[part]
            ids += [VISION_START, *[IMAGE] * (t * h * w // merge**2), VISION_END]
            names.append(part)
        elif isinstance(part, dict):
            chosen += range(len(ids), len(ids) + len(part["turn"]))
            ids += part["turn"]
        else:
            ids += part
    return {"ids": ids, "images": names, "chosen": chosen}


def inputs(rows, images):
    """The rows as the model takes them: padded to the right, with a mask."""
    length = max(len(row["ids"]) for row in rows)
    padded = torch.tensor([row["ids"] + [0] * (length - len(row["ids"])) for row in rows])
    mask = torch.tensor([[1] * len(row["ids"]) + [0] * (length - len(row["ids"])) for row in rows])
    names = [name for row in rows for name in row["images"]]
    given = {"input_ids": padded, "attention_mask": mask,
             "mm_token_type_ids": (padded == IMAGE).int()}
    if names:
        pixels = np.concatenate([images[name][0] for name in names])
        given["pixel_values"] = torch.from_numpy(pixels)
        given["image_grid_thw"] = torch.tensor([images[name][1] for name in names])
    return given


def record_images(model, images):
    pixels = torch.from_numpy(np.concatenate([pixels for pixels, _ in images.values()]))
    grids = torch.tensor([grid for _, grid in images.values()])
    tokens = model.model.get_image_features(pixels, grids).pooler_output
    return [{"name": name, "grid": grid, "first": rows[0, :8].numpy(),
             "last": rows[-1, -8:].numpy(), "projections": projections(rows)}
            for (name, (_, grid)), rows in zip(images.items(), tokens)]


def record_sequence(model, name, row, images):
    """Positions, logits and log-probs of one row by itself."""
    given = inputs([row], images)
    model.model.rope_deltas = None
    logits = model(**given).logits[0]
    if row["images"]:
        kept = {key: value for key, value in given.items() if key != "pixel_values"}
        positions = model.model.get_rope_index(**kept)[0][:, 0]
    else:
        positions = torch.arange(len(row["ids"])).expand(3, -1)
    labels = torch.tensor(row["ids"][1:])
    logs = logits[:-1].log_softmax(-1)[torch.arange(len(labels)), labels]
    places = [0, len(row["ids"]) // 2, len(row["ids"]) - 1]
    vocabulary = logits.shape[1]
    seen = [0, IMAGE, vocabulary // 3, vocabulary // 2, vocabulary - 2, vocabulary - 1]
    return {"name": name, **row, "positions": positions.tolist(),
            "logits": {"places": places, "ids": seen, "values": logits[places][:, seen].tolist(),
                       "projections": projections(logits)},
            "logProbs": logs.tolist()}


def record_greedy(model, name, row, images):
    """The likeliest tokens after everything before the row's last turn."""
    start = len(row["ids"])
    while start - 1 in row["chosen"]:
        start -= 1
    prompt = {"ids": row["ids"][:start], "images": row["images"]}
    model.model.rope_deltas = None
    out = model.generate(**inputs([prompt], images), max_new_tokens=GREEDY_TOKENS, do_sample=False,
                         suppress_tokens=BANNED, eos_token_id=None, pad_token_id=0,
                         output_scores=True, return_dict_in_generate=True)
    ids = out.sequences[0, start:].tolist()
    best = torch.stack(out.scores)[:, 0].topk(2).values
    gap = (best[:, 0] - best[:, 1]).min().item()
    assert len(ids) == GREEDY_TOKENS
    return {"sequence": name, "promptLength": start, "ids": ids, "gapMin": gap}


def record_greedy_and_find_words(model, images, merge, vocabulary):
    """Conversations in words after which tokens are clearly the likeliest, and more than a few."""
    talks, greedy, salts = {}, [], {}
    for name in CONVERSATIONS:
        same = SAME_PROMPT.get(name)
        for salt in itertools.count() if same is None else [salts[same]]:
            talks[name] = sequence(conversation(name, salt, vocabulary), images, merge)
            if same is not None:
                break
            found = record_greedy(model, name, talks[name], images)
            if found["gapMin"] > GAP_MIN and len(set(found["ids"])) >= DISTINCT_MIN:
                salts[name] = salt
                greedy.append(found)
                break
    return talks, greedy


def token_scores(model, rows, images):
    """Log-probs and entropies of the chosen tokens under the sampling distribution."""
    model.model.rope_deltas = None
    logits = model(**inputs(rows, images)).logits / TEMPERATURE
    logits[..., BANNED] = -torch.inf
    logs = logits.log_softmax(-1)
    places = [(at, token - 1, row["ids"][token])
              for at, row in enumerate(rows) for token in row["chosen"]]
    at, before, label = torch.tensor(places).T
    chosen = logs[at, before]
    entropies = -(chosen.exp() * chosen.masked_fill(chosen == -torch.inf, 0)).sum(-1)
    return chosen[torch.arange(len(places)), label], entropies


def loss_of(current, base, rows, divergence):
    """The documented loss. Old and reference log-probs stray from `base`, which is recorded."""
    count = len(base)
    per_row = uniforms("gain", len(rows)) * 1.5
    sizes = [len(row["chosen"]) for row in rows]
    advantages = torch.from_numpy(np.repeat(per_row, sizes).astype(np.float32))
    weights = torch.from_numpy(spread("weights", count, 1, 0.5))
    old = torch.from_numpy((base + 0.6 * uniforms("old", count)).astype(np.float32))
    reference = torch.from_numpy((base + 0.8 * uniforms("reference", count)).astype(np.float32))
    ratio = (current - old).exp()
    low, high = 1 - CLIP_LOW, 1 + CLIP_HIGH
    assert min((ratio - low).abs().min(), (ratio - high).abs().min()) > BOUND_DISTANCE_MIN
    for sign in (advantages > 0, advantages < 0):  # every case of the clip occurs
        assert all((sign & case).any() for case in (ratio < low, ratio > high))
    gain = torch.minimum(ratio * advantages, ratio.clamp(low, high) * advantages)
    loss = -(weights * gain).sum() / count
    if divergence:
        drift = reference - current
        loss = loss + divergence * (drift.exp() - drift - 1).sum() / count
    return loss


def record_gradients(model, rows, images, divergence):
    model.zero_grad()
    current, entropies = token_scores(model, rows, images)
    base = np.array(short(current.tolist()))
    loss = loss_of(current, base, rows, divergence)
    loss.backward()
    gradients = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            slope = parameter.grad.double().numpy().ravel()
            sums = [np.linalg.norm(slope), *projections(slope)]
            gradients[published_name(name)] = [*sums, *slope[:4]]
    return {"divergence": divergence, "logProbs": base, "entropies": entropies.tolist(),
            "loss": loss.item(), "gradients": gradients}


def adapted(model):
    """The model with adapters on all linear layers, and nothing else to train."""
    settings = peft.LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules="all-linear")
    model = peft.get_peft_model(model, settings).eval()
    fill(model)
    return model


def record(shape, config):
    images = open_images(config)
    merge = config["vision_config"]["spatial_merge_size"]
    model = open_model(config)
    with torch.no_grad():
        tokens = record_images(model, images)
        talks, greedy = record_greedy_and_find_words(model, images, merge, config["vocab_size"])
        sequences = [record_sequence(model, name, row, images) for name, row in talks.items()]
    rows = [*talks.values()]

    def gradients(usual):
        runs = [0.0, KL] if shape == "tied" else [usual]
        return [record_gradients(model, rows, images, divergence) for divergence in runs]

    full = gradients(0.0)
    model = adapted(model).base_model.model
    lora = gradients(KL)
    libraries = (torch, transformers, peft)
    return short({
        "versions": {library.__name__: library.__version__ for library in libraries},
        "config": config, "savedConfig": json.loads(read_config(config).to_json_string()),
        "banned": BANNED, "images": tokens, "sequences": sequences, "greedy": greedy,
        "batch": {"temperature": TEMPERATURE, "clipLow": CLIP_LOW, "clipHigh": CLIP_HIGH,
                  "full": full, "lora": {"rank": RANK, "alpha": ALPHA, "runs": lora}}})


def lines(value, depth):
    """JSON with one line per entry down to `depth`."""
    if depth == 0 or not isinstance(value, (dict, list)) or not value:
        return json.dumps(value, separators=(",", ":"))
    if isinstance(value, dict):
        entries = (f"{json.dumps(key)}: {lines(item, depth - 1)}" for key, item in value.items())
        return "{\n" + ",\n".join(entries) + "\n}"
    return "[\n" + ",\n".join(lines(item, depth - 1) for item in value) + "\n]"


if __name__ == "__main__":
    torch.manual_seed(0)
    torch.set_num_threads(1)
    FOLDER.mkdir(parents=True, exist_ok=True)
    for shape in sys.argv[1:] or SHAPES:
        content = lines(record(shape, SHAPES[shape]), 5) + "\n"
        (FOLDER / f"{shape}.json").write_text(content)
        print(f"{shape}: {len(content)} bytes")
