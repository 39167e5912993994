"""Writes tests/fixtures/peft-roundtrip.json: what peft and transformers compute with adapters that
varft trained and wrote, and with an adapter that peft wrote.

    python3 -m venv VENV && VENV/bin/pip install torch==2.15.0 transformers==5.23.0 peft==0.21.2
    VENV/bin/python tests/reference/peft_roundtrip.py
"""
import json, pathlib, subprocess, tempfile, warnings
import peft, torch, transformers
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors import safe_open
from transformers import Qwen2_5_VLForConditionalGeneration
from formula import short, weight

ROOT = pathlib.Path(__file__).parents[2]
FIXTURE = ROOT / "tests" / "fixtures" / "peft-roundtrip.json"
# An adapter of somebody else: some layers, other ranks and scales for some of them.
THEIRS = dict(
    task_type="CAUSAL_LM", r=2, lora_alpha=5, use_rslora=True,
    target_modules=r".*language_model.*\.(q_proj|down_proj)|.*visual\.blocks\.1\.attn\.qkv",
    rank_pattern={r"layers\.1\.self_attn\.q_proj": 4, "qkv": 3},
    alpha_pattern={"layers.0.mlp.down_proj": 2.5})


def open_base(folder):
    return Qwen2_5_VLForConditionalGeneration.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager").eval()


def scores(model, rows):
    """Log-probabilities of the next tokens and entropies, rows one after another."""
    found = {"logProbs": [], "entropies": []}
    for row in rows:
        ids = torch.tensor([row["ids"]])
        images = {}
        if row["grids"]:
            patches = sum(t * h * w for t, h, w in row["grids"])
            images = {"pixel_values": torch.tensor(row["pixels"]).reshape(patches, -1),
                      "image_grid_thw": torch.tensor(row["grids"])}
            types = (ids == model.config.image_token_id).int()
            images["mm_token_type_ids"] = types
        with torch.no_grad():
            logits = model(input_ids=ids, attention_mask=torch.ones_like(ids), **images).logits
        logs = logits[0, :-1].double().log_softmax(-1)
        found["logProbs"] += logs.gather(1, ids[0, 1:, None])[:, 0].tolist()
        found["entropies"] += (-(logs.exp() * logs).sum(-1)).tolist()
    return found


def tensors(folder):
    with safe_open(folder / "adapter_model.safetensors", "pt") as file:
        return {name: list(file.get_slice(name).get_shape()) for name in sorted(file.keys())}


def ours(folder, rows):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        model = PeftModel.from_pretrained(open_base(folder / "base"), folder / "adapter").eval()
    assert not [one for one in said if "key" in str(one.message).lower()], [str(one.message) for one in said]
    targeted = sorted(model.base_model.targeted_module_names)
    adapted = scores(model, rows)
    return {"config": json.loads((folder / "adapter" / "adapter_config.json").read_text()) | {"base_model_name_or_path": None},
            "tensors": tensors(folder / "adapter"), "targeted": targeted, "adapted": adapted,
            "base": scores(open_base(folder / "base"), rows),
            "unloaded": scores(model.merge_and_unload(), rows),
            "merged": scores(open_base(folder / "merged"), rows)}


def theirs(folder, rows):
    model = get_peft_model(open_base(folder / "base"), LoraConfig(**THEIRS)).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" in name:
                saved = name.replace(".default", "")
                parameter.copy_(torch.from_numpy(weight(saved, tuple(parameter.shape))))
    model.save_pretrained(folder / "theirs")
    config = json.loads((folder / "theirs" / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = "somebody/base"
    return {"config": config, "tensors": tensors(folder / "theirs"), "adapted": scores(model, rows)}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        subprocess.run(["node", "--import", "tsx", "tests/reference/peft-roundtrip.ts", name], cwd=ROOT, check=True)
        rows = json.loads((folder / "rows.json").read_text())
        versions = {module.__name__: module.__version__ for module in (torch, transformers, peft)}
        result = {"versions": versions, "ours": ours(folder, rows), "theirs": theirs(folder, rows)}
    body = ",\n".join(
        f'"{part}": {{\n' + ",\n".join(f"{json.dumps(key)}: {json.dumps(short(value))}" for key, value in fields.items()) + "\n}"
        for part, fields in result.items())
    FIXTURE.write_text("{\n" + body + "\n}\n")
