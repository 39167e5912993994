// Makes tests/fixtures/visual-arft: a few drawn tasks in the layout of the official downloads.
//   node --import tsx tests/reference/official-layout.ts
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encodePng, RandomStream } from "../../events/index.ts";
import { drawTask, type GreyImage, type MiniTask } from "../../tasks/index.ts";

const root = new URL("../fixtures/visual-arft", import.meta.url).pathname;
const save = async (folder: string, name: string, image: GreyImage) => {
  mkdirSync(join(root, folder), { recursive: true });
  const { width, height, pixels } = image;
  writeFileSync(join(root, folder, name), await encodePng(pixels, { width, height, channels: 1 }));
};
const json = (path: string, rows: unknown) => {
  mkdirSync(join(root, path, ".."), { recursive: true });
  writeFileSync(join(root, path), `${JSON.stringify(rows, null, 1)}\n`);
};
const draw = (kind: string, n: number): MiniTask =>
  drawTask(new RandomStream("official layout", kind, n), `${kind}_${n}`, kind, "train");
const steps: unknown[] = [];
const labels = (k: string) =>
  `{${k
    .split("+")
    .map((x) => `'${x}'`)
    .join(", ")}}`;
for (const kind of ["dark", "rotation90", "rotation180+dark", "none"]) {
  const task = draw(kind, 0);
  const dir = "MAT-Training/rft_agent_code_1_2k_images";
  await save(dir, `${kind}_0_proc.png`, task.image);
  await save(dir, `${kind}_0_ori.png`, task.reference ?? task.image);
  const problem = `<query> ${task.question} </query>`;
  const first = `<think> I look at the image. </think>\n<problem> ${labels(kind)} </problem>`;
  steps.push({
    type: "pre_problem",
    image_path: `${kind}_0_proc.png`,
    problem,
    context: null,
    solution: `<problem> ${labels(kind)} </problem>`,
    gt: first,
  });
  const code =
    "<code>\n```python\nimport cv2\nimg = cv2.imread('path_to_input_image.jpg')\ncv2.imwrite('path_to_output_image.jpg', img)\n```\n</code>";
  if (kind !== "none")
    steps.push({
      type: "pre_code",
      image_path: `${kind}_0_proc.png`,
      problem,
      context: first,
      solution: code,
      gt: `<think> I repair it. </think>\n${code}`,
    });
  const answer = `<answer> ${task.answers[0]} </answer>`;
  steps.push({
    type: "pre_answer",
    image_path: `${kind}_0_ori.png`,
    problem,
    context: first,
    solution: answer,
    gt: `<think> It is read. </think>\n${answer}`,
  });
}
json("MAT-Training/rft_agent_code_1_2k.json", steps);
const search: unknown[] = [];
for (const n of [0, 1]) {
  const task = draw("search", n);
  await save("MAT-Training/rft_agent_search_20_images", `${n}.png`, task.image);
  const problem = `<query> ${task.question} </query>`;
  const query = `<search> ${task.text.join(" ")} ${task.attribute} </search>`;
  search.push({ image_path: `${n}.png`, problem, solution: query });
  search.push({
    image_path: `${n}.png`,
    problem: `${problem}\n<think> I ask. </think>\n${query}\n<information> 1. Content:${task.answers[0]} </information>`,
    solution: `<answer> ${task.answers[0]} </answer>`,
  });
}
json("MAT-Training/rft_agent_search_20.json", search);
const coding: unknown[] = [];
for (const [n, kind] of ["rotation180", "dark", "crop", "none"].entries()) {
  const task = draw(kind, 1);
  const dir = "MAT-Benchmark/MAT-Coding-image";
  await save(
    dir,
    `${kind}_1_proc.png`,
    kind === "crop" ? (task.reference as GreyImage) : task.image,
  );
  await save(
    dir,
    `${kind}_1_ori.png`,
    kind === "crop" ? task.image : (task.reference ?? task.image),
  );
  coding.push({
    id: n + 1,
    question: task.question,
    answers: task.answers,
    ori_image_path: `${kind}_1_ori.png`,
    processed_image_path: `${kind}_1_proc.png`,
    type: [kind],
    split: kind === "crop" ? "hard" : "simple",
  });
}
json("MAT-Benchmark/MAT-Coding.json", coding);
const mat: unknown[] = [];
for (const n of [2, 3]) {
  const task = draw("search", n);
  await save("MAT-Benchmark/MAT-Search-image", `${n}.png`, task.image);
  mat.push({
    id: n,
    question: task.question,
    answer: task.answers[0],
    image_path: `${n}.png`,
    documents: [],
  });
}
json("MAT-Benchmark/MAT-Search.json", mat);
const text = [4, 5, 6].map((n) => {
  const task = draw("search", n);
  return JSON.stringify({
    id: `test_${n}`,
    question: `What is the ${task.attribute} of ${task.text.join(" ")}?`,
    golden_answers: task.answers,
    metadata: { hop: 1 },
  });
});
mkdirSync(join(root, "bamboogle"), { recursive: true });
writeFileSync(join(root, "bamboogle/test.jsonl"), `${text.join("\n")}\n`);
