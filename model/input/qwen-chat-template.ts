// The prompt layout of Qwen2.5-VL, for checkpoints that this project builds itself. Real
// checkpoints bring their own template, and that one is used.

const open = "{% for message in messages %}";

const defaultSystemMessage = [
  "{% if loop.first and message['role'] != 'system' %}",
  "{{ '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}",
  "{% endif %}",
].join("");

const rest = [
  "{{ '<|im_start|>' + message['role'] + '\\n' }}",
  "{% if message['content'] is string %}",
  "{{ message['content'] }}",
  "{% else %}",
  "{% for part in message['content'] %}",
  "{% if part['type'] == 'image' %}",
  "{{ '<|vision_start|><|image_pad|><|vision_end|>' }}",
  "{% elif 'text' in part %}",
  "{{ part['text'] }}",
  "{% endif %}",
  "{% endfor %}",
  "{% endif %}",
  "{{ '<|im_end|>\\n' }}",
  "{% endfor %}",
  "{% if add_generation_prompt %}",
  "{{ '<|im_start|>assistant\\n' }}",
  "{% endif %}",
].join("");

/**
 * Each message as `<|im_start|>role`, newline, content, `<|im_end|>`, newline; an image as one
 * `<|image_pad|>` between its vision tokens; a default system message where there is none.
 */
export const qwenChatTemplate: string = open + defaultSystemMessage + rest;

/** The same without a system message of its own: every token counts in a small model. */
export const bareChatTemplate: string = open + rest;
