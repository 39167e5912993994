// Models behind chat servers, for evaluations.
export { showCodePoints } from "./code-points.ts";
export {
  type ChatServer,
  chatPolicyBytes,
  chatServer,
  greetChatServer,
  openChatPolicy,
} from "./open.ts";
