"""Writes tests/fixtures/algorithms.json: losses, slopes, advantages and importance weights as TRL computes them.

TRL's own methods run on made-up numbers: `GRPOTrainer._compute_loss` over leaves that stand for the current
log-probs, and `_generate_and_score_completions` (of GRPOTrainer and RLOOTrainer) over rewards and log-probs that are
handed in where the model would be asked. What TRL does not have (k2, the geometric mask, GiGPO) is written down
here from the papers, differentiated by autograd. Everything in float64. How to run it: README.md.
"""
import collections, contextlib, json, math, pathlib, random, types
import torch, transformers, trl
from trl.rewards import get_soft_overlong_punishment
from trl.trainer import grpo_trainer, rloo_trainer
from trl.trainer.grpo_trainer import GRPOTrainer
from trl.trainer.rloo_trainer import RLOOTrainer

FIXTURE = pathlib.Path(__file__).parents[1] / "fixtures" / "algorithms.json"
torch.set_default_dtype(torch.float64)
draw = random.Random(20260722)
CLIP = {"clipLow": 0.2, "clipHigh": 0.28}
TOKENS_MAX = 12
BETA = 0.04
GROUP = 4


def float32(value):
    return torch.tensor(value, dtype=torch.float32).item()


def rows(spread, count=6):
    """Sequences of tokens; old, sampler and reference lie `spread` around the current log-probs."""
    made = []
    for _ in range(count):
        length = draw.randint(1, 7)
        current = [float32(-3 * draw.random()) for _ in range(length)]
        near = lambda: [float32(value + spread * draw.gauss(0, 1)) for value in current]
        made.append({"current": current, "old": near(), "sampler": near(), "reference": near(),
                     "advantage": float32(draw.gauss(0, 1))})
    return made


def padded(lists, fill=0.0):
    width = max(map(len, lists))
    return torch.tensor([list(values) + [fill] * (width - len(values)) for values in lists])


def mask_of(batch):
    return padded([[1.0] * len(row["current"]) for row in batch])


def unpadded(tensor, batch):
    return [values[:len(row["current"])] for values, row in zip(tensor.tolist(), batch)]


class Accelerator:
    device, num_processes, process_index, sync_gradients = torch.device("cpu"), 1, 0, True
    gather = gather_for_metrics = staticmethod(lambda value: value)
    reduce = staticmethod(lambda value, reduction: value)


class Silent(torch.nn.Module):
    """Stands for a model that is never asked."""
    is_gradient_checkpointing = False


def trainer(**settings):
    """What the methods read of a trainer."""
    logs = collections.defaultdict(list)
    logs["rewards"], logs["extra"] = collections.defaultdict(list), collections.defaultdict(list)
    args = types.SimpleNamespace(
        gradient_accumulation_steps=1, steps_per_generation=1, delta=None, use_bias_correction_kl=False,
        per_device_train_batch_size=64, gradient_checkpointing_kwargs=None)
    return types.SimpleNamespace(**{
        "accelerator": Accelerator(), "args": args, "model": Silent(), "ref_model": Silent(), "beta": 0.0,
        "epsilon_low": CLIP["clipLow"], "epsilon_high": CLIP["clipHigh"], "importance_sampling_level": "token",
        "top_entropy_quantile": 1.0, "off_policy_mask_threshold": None, "aux_loss_enabled": False, "use_vllm": False,
        "vllm_importance_sampling_correction": True, "current_gradient_accumulation_steps": 1,
        "max_completion_length": TOKENS_MAX, "_entropy_bonus_enabled": False, "num_iterations": 1,
        "_metrics": {"train": collections.defaultdict(list)}, "_logs": logs, "_pending_extra_logs": {},
        "_pending_metrics": {}, "num_generations": GROUP, "environment_factories": None, "environments": None,
        "tools": None, "pad_to_multiple_of": None, "mask_truncated_completions": False, "eos_token_ids": [1],
        "_tokenizer": types.SimpleNamespace(pad_token_id=0), "log_multimodal": False, **settings})


def weighed(batch, mode, low=None, high=None):
    """TRL's importance weights of a batch, and what else it makes of it."""
    old, sampler = padded([row["old"] for row in batch]), [row["sampler"] for row in batch]
    made = scored(GRPOTrainer, batch, [[draw.random()] for _ in batch], ["r"], [1.0], sampler=sampler, old=old,
                  use_vllm=True, vllm_importance_sampling_mode=mode, vllm_importance_sampling_clip_min=low,
                  vllm_importance_sampling_clip_max=high, multi_objective_aggregation="sum_then_normalize",
                  scale_rewards="none", num_generations=1)
    ratio = made["importance_sampling_ratio"]
    return ratio.expand(-1, old.shape[1]) * mask_of(batch)


def scored(kind, batch, rewards, names, weights, sampler=None, old=None, reference=None, **settings):
    """`_generate_and_score_completions` of `kind` over rewards that are handed in."""
    ids = [[2] * (len(row["current"]) - 1) + [1] for row in batch]
    texts = ["" for _ in batch]
    one = trainer(reward_weights=torch.tensor(weights), reward_funcs=names, reward_func_names=names,
                  reward_clip_range=None, normalize_advantages=False, **settings)
    generated = ([[3]] * len(batch), ids, texts) if kind is RLOOTrainer else (
        [[3]] * len(batch), ids, None, texts, sampler, {}, None, None)
    one._generate = lambda prompts: generated
    one._calculate_rewards = lambda *_: torch.tensor(rewards)
    scores = iter([old, reference])
    one._get_per_token_logps_and_entropies = lambda *_, **__: (next(scores), None, None)
    module = rloo_trainer if kind is RLOOTrainer else grpo_trainer
    module.disable_gradient_checkpointing = lambda *_: contextlib.nullcontext()
    return kind._generate_and_score_completions(one, [{"prompt": ""} for _ in batch])


def trl_loss(batch, form, kl, weights):
    """Loss and its slopes by `_compute_loss`."""
    loss_type = {"dr-grpo": "dr_grpo", "gspo": "grpo"}.get(form, form)
    settings = {"loss_type": loss_type, "beta": BETA if kl else 0.0, "use_vllm": weights is not None,
                "importance_sampling_level": "sequence" if form == "gspo" else "token"}
    # TRL bounds CISPO's ratio by the number itself, and only from above.
    if form == "cispo": settings["epsilon_high"] = 1 + CLIP["clipHigh"]
    one = trainer(**settings)
    current = padded([row["current"] for row in batch]).requires_grad_()
    one._get_per_token_logps_and_entropies = lambda *_, **__: (current, torch.zeros_like(current), None)
    mask = mask_of(batch)
    ids = mask.long()
    inputs = {"prompt_ids": ids[:, :1], "prompt_mask": ids[:, :1], "completion_ids": ids, "completion_mask": mask,
              "advantages": torch.tensor([row["advantage"] for row in batch]), "num_items_in_batch": mask.sum(),
              "old_per_token_logps": padded([row["old"] for row in batch]),
              "ref_per_token_logps": padded([row["reference"] for row in batch])}
    if weights is not None: inputs["importance_sampling_ratio"] = weights
    loss = GRPOTrainer._compute_loss(one, one.model, inputs)
    loss.backward()
    return loss.item(), unpadded(current.grad, batch)


def own_loss(batch, form, kl, clip_low):
    """What TRL has not: k2 in any form, and CISPO bounded from below. By autograd."""
    total, sizes = 0.0, [len(row["current"]) for row in batch]
    leaves = []
    for row in batch:
        current, old, ref = (torch.tensor(row[key]) for key in ("current", "old", "reference"))
        current.requires_grad_()
        leaves.append(current)
        ratio = torch.exp(current - old)
        bounded = torch.clamp(ratio, 1 - clip_low, 1 + CLIP["clipHigh"])
        a = row["advantage"]
        token = -bounded.detach() * a * current if form == "cispo" else -torch.minimum(ratio * a, bounded * a)
        if kl: token = token + BETA * 0.5 * (current - ref) ** 2
        total = total + {"dapo": token.sum() / sum(sizes), "cispo": token.sum() / sum(sizes),
                         "grpo": token.mean() / len(batch)}[form]
    total.backward()
    return total.item(), [leaf.grad.tolist() for leaf in leaves]


def losses(batch):
    made = []
    def add(form, kl, importance, weights, result):
        loss, slopes = result
        # TRL's CISPO has no lower bound, which is ours at 1 - 1.
        clip = {**CLIP, "clipLow": 1} if form == "cispo" and kl != "k2" else CLIP
        settings = {"loss": {"type": form, **({"tokensMax": TOKENS_MAX} if form == "dr-grpo" else {})}, **clip,
                    "kl": {"type": kl, "coefficient": BETA} if kl else {"type": "none"}}
        made.append({"settings": settings, "importance": importance, "weights": weights, "loss": loss, "slopes": slopes})
    modes = [(None, None, None, None), ({"type": "token", "cap": 1.1}, "token_truncate", None, 1.1),
             ({"type": "token-mask", "low": 0.7, "high": 1.3}, "token_mask", 0.7, 1.3),
             ({"type": "sequence", "cap": 1.1}, "sequence_truncate", None, 1.1),
             ({"type": "sequence-mask", "low": 0.5, "high": 1.5}, "sequence_mask", 0.5, 1.5)]
    for form in ("dapo", "grpo", "dr-grpo", "gspo", "cispo"):
        for importance, mode, low, high in modes:
            weights = None if mode is None else weighed(batch, mode, low, high)
            lists = None if weights is None else unpadded(weights, batch)
            kl = "k3" if mode in (None, "token_truncate") else None
            add(form, kl, importance, lists, trl_loss(batch, form, kl, weights))
    for form in ("dapo", "grpo", "cispo"):
        add(form, "k2", None, None, own_loss(batch, form, "k2", CLIP["clipLow"]))
    return made


def moments(values):
    mean = sum(values) / len(values)
    std = math.sqrt(sum((value - mean) ** 2 for value in values) / max(1, len(values) - 1))
    return mean, std + 1e-4


def relative(values, std):
    mean, divisor = moments(values)
    return [(value - mean) / (divisor if std else 1) for value in values]


def gigpo(samples, discount, weight, std):
    """Equations 3 and 5 to 8 of arXiv 2505.10978, for a reward at the end."""
    episode = relative([sample["reward"] for sample in samples], std)
    returns = [[sample["reward"] * discount ** (len(sample["states"]) - 1 - turn) for turn in range(len(sample["states"]))]
               for sample in samples]
    made = [[value] * len(sample["states"]) for value, sample in zip(episode, samples)]
    for state in {state for sample in samples for state in sample["states"]}:
        met = [(i, t) for i, sample in enumerate(samples) for t, one in enumerate(sample["states"]) if one == state]
        for (i, t), value in zip(met, relative([returns[i][t] for i, t in met], std)):
            made[i][t] += weight * value
    return made


def advantages():
    names, weights = ["f1", "format", "calls"], [0.8, 0.2, -0.05]
    parts = [[float32(draw.random()), float(draw.random() < 0.5), float(draw.randint(0, 3))] for _ in range(3 * GROUP)]
    parts[GROUP:2 * GROUP] = [[0.25, 1.0, 1.0]] * GROUP  # a group of equals
    batch = rows(0.3, len(parts))
    grpo = lambda **more: scored(GRPOTrainer, batch, parts, names, weights, **more)["advantages"].tolist()
    summed = lambda scale: grpo(multi_objective_aggregation="sum_then_normalize", scale_rewards=scale)
    old, ref = (padded([row[key] for row in batch]) for key in ("old", "reference"))
    rloo = lambda beta: scored(RLOOTrainer, batch, parts, names, weights, old=old, reference=ref, beta=beta)["advantages"].tolist()
    samples = [{"reward": float32(draw.random()), "states": [0] + [draw.randint(1, 3) for _ in range(draw.randint(0, 3))]}
               for _ in range(8)]
    turns = [{"rule": rule, "turns": gigpo(samples, *rule.values())}
             for rule in ({"discount": 0.95, "weight": 1.0, "std": True}, {"discount": 0.5, "weight": 0.3, "std": False})]
    return {"group": GROUP, "names": names, "weights": weights, "parts": parts, "rows": batch, "none": summed("none"),
            "std": summed("group"), "batch-std": summed("batch"),
            "gdpo": grpo(multi_objective_aggregation="normalize_then_sum"), "leave-one-out": rloo(0.0),
            "beta": BETA, "leave-one-out with k1": rloo(BETA), "samples": samples, "gigpo": turns}


def schedules():
    steps, rate = 9, [torch.nn.Parameter(torch.zeros(1))]
    def rates(make):
        optimizer = torch.optim.SGD(rate, lr=1.0)
        schedule = make(optimizer)
        made = []
        for _ in range(steps):
            made.append(schedule.get_last_lr()[0])
            optimizer.step()
            schedule.step()
        return made
    # Ours counts from the first step to the last, theirs from the first to one after the last.
    return {"steps": steps, "linear": rates(lambda o: transformers.get_linear_schedule_with_warmup(o, 0, steps)),
            "cosine": rates(lambda o: transformers.get_cosine_schedule_with_warmup(o, 0, steps - 1)),
            "cosine to 0.2": rates(lambda o: transformers.get_cosine_with_min_lr_schedule_with_warmup(
                o, 0, steps - 1, min_lr_rate=0.2))}


if __name__ == "__main__":
    batch = rows(0.25)
    overlong = [[length, get_soft_overlong_punishment(20, 8)([[0] * length])[0]] for length in (1, 12, 13, 16, 20, 21, 40)]
    distances = [[float32(0.1 * draw.gauss(0, 1)) for _ in range(4)] for _ in range(8)]
    geometric = [[d, float(0.95 <= math.prod(map(math.exp, d)) ** (1 / len(d)) <= 1.05)] for d in distances]
    made = {"source": f"trl {trl.__version__}, transformers {transformers.__version__}", "rows": batch, "losses": losses(batch),
            "advantages": advantages(), "overlong": {"tokensMax": 20, "cacheTokens": 8, "cases": overlong},
            "geometric": {"low": 0.95, "high": 1.05, "cases": geometric}, "schedules": schedules()}
    short = json.loads(json.dumps(made), parse_float=lambda text: float(f"{float(text):.10g}"))
    FIXTURE.write_text(json.dumps(short, separators=(",", ":")).replace('{"settings"', '\n{"settings"') + "\n")
