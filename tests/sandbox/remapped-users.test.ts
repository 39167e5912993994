// The sandbox on an engine that remaps users: the user of a container is nobody on the host.
import { escapes } from "./abuse/escapes.ts";
import { Dockerd, whyNoDockerd } from "./engines/dockerd.ts";
import { engineSuites } from "./engines/suites.ts";

engineSuites({
  name: "remapped users",
  whyNot: whyNoDockerd,
  open: (image) => Dockerd.open(image, { "userns-remap": "default" }),
  abuses: escapes,
});
