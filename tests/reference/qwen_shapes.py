"""The models, images and conversations of the parity fixtures: small, each odd in its own way."""
from formula import words

# Ids as the conversations use them; all of them lie below the words.
END_OF_TEXT, START, END, VISION_START, VISION_END, IMAGE, VIDEO = range(7)
FIRST_WORD = 7
BANNED = [END_OF_TEXT, VISION_START, VISION_END, IMAGE, VIDEO]


# What a shape does not say otherwise.
TEXT = dict(hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=1, vocab_size=509, tie_word_embeddings=True)
TOWER = dict(depth=2, hidden_size=32, intermediate_size=56, num_heads=2, patch_size=14,
             spatial_merge_size=2, window_size=112, fullatt_block_indexes=[1])


def config(vision, rope_theta=1_000_000.0, sections=(2, 3, 3), **text):
    """A `config.json` with the keys of the published ones."""
    text = {**TEXT, **text}
    return {
        "model_type": "qwen2_5_vl", "architectures": ["Qwen2_5_VLForConditionalGeneration"],
        "image_token_id": IMAGE, "video_token_id": VIDEO,
        "vision_start_token_id": VISION_START, "vision_end_token_id": VISION_END,
        "hidden_act": "silu", "rms_norm_eps": 1e-6, "rope_theta": rope_theta,
        "rope_scaling": {"type": "mrope", "mrope_section": list(sections)},
        "use_sliding_window": False, "sliding_window": 32768, "max_window_layers": 70, **text,
        "vision_config": {"model_type": "qwen2_5_vl", "hidden_act": "silu", "in_chans": 3,
                          "temporal_patch_size": 2, "tokens_per_second": 2,
                          "out_hidden_size": text["hidden_size"], **TOWER, **vision},
    }


SHAPES = {
    "tied": config(
        intermediate_size=112, num_hidden_layers=3, num_key_value_heads=2, vocab_size=299,
        vision=dict(depth=4, hidden_size=48, intermediate_size=88, num_heads=3,
                    fullatt_block_indexes=[1, 3])),
    "untied": config(
        hidden_size=96, intermediate_size=128, num_attention_heads=6, vocab_size=257,
        tie_word_embeddings=False,
        vision=dict(depth=3, num_heads=4, window_size=56, fullatt_block_indexes=[0])),
    "all-windows": config(
        hidden_size=80, num_attention_heads=5, num_key_value_heads=5, vocab_size=1021,
        rope_theta=10_000.0,
        vision=dict(hidden_size=40, intermediate_size=72, patch_size=8, window_size=64,
                    fullatt_block_indexes=[])),
    "merge-1": config(
        hidden_size=48, intermediate_size=80, num_attention_heads=3, vocab_size=131,
        vision=dict(depth=3, intermediate_size=48, patch_size=8, spatial_merge_size=1,
                    window_size=24, fullatt_block_indexes=[0, 2])),
    "merge-3": config(
        num_attention_heads=2, tie_word_embeddings=False, sections=(4, 6, 6),
        vision=dict(hidden_size=24, intermediate_size=40, patch_size=6, spatial_merge_size=3,
                    window_size=40)),
    "published-heads": config(
        hidden_size=256, intermediate_size=384, num_attention_heads=2, vocab_size=1531,
        sections=(16, 24, 24), vision=dict(hidden_size=160, intermediate_size=200)),
}

# Height and width in image tokens: within a window, over several, and the least there is.
IMAGES = {"small": (3, 5), "large": (9, 5), "square": (4, 4), "dot": (1, 1)}


def conversation(name, salt, vocabulary):
    """A conversation as parts: ids, the name of an image, or a turn that was sampled."""
    def text(label, count):
        return words(f"{label} {salt}", count, FIRST_WORD, vocabulary - 1)

    def turn(label, count):
        return {"turn": [*text(label, count), END]}

    look = [[START], text("look", 4), "small", text("what", 5), [END, START]]
    return {
        "text": [[START], text("question", 12), [END, START], turn("answer", 10)],
        "one image": [*look, turn("cat", 7)],
        "another sample": [*look, turn("dog", 13)],
        "several images": [[START], text("compare", 3), "large", "dot", text("and", 1), "square",
                           text("please", 6), [END, START], turn("equal", 9)],
        "an image from a tool": [[START], text("read", 5), "square", text("it", 4), [END, START],
                                 turn("crop", 7), [START], text("here", 3), "small",
                                 text("is", 2), [END, START], turn("done", 6)],
    }[name]


CONVERSATIONS = ["text", "one image", "another sample", "several images", "an image from a tool"]
# Samples of the same prompt: they have its words, and nothing new to generate.
SAME_PROMPT = {"another sample": "one image"}
