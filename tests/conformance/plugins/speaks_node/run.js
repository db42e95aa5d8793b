#!/usr/bin/env node
"use strict";

const chunks = [];
process.stdin.on("data", (chunk) => chunks.push(chunk));
process.stdin.on("end", () => {
  const request = Buffer.concat(chunks);
  const { attempt } = JSON.parse(request.toString("utf8"));
  const answer = {
    status: "ok",
    result: { language: "node", received: request.length, attempt: String(attempt) },
    events: [{ type: "spoken", payload: { text: "grüße from node" } }],
    state_updates: { language: "node" },
    logs: [{ level: "info", message: "node spoke" }],
  };
  console.log(JSON.stringify(answer, null, 2));
});
