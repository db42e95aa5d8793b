// What a program does with the generated client: trigger, wait, follow, list, and meet errors, each of its own type.
import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import type { components, paths } from "./schema";

type Job = components["schemas"]["Job"];
type GatewayError = components["schemas"]["Error"];

const baseUrl = process.env["DUCTILE_URL"] ?? "";
const headers = { Authorization: `Bearer ${process.env["DUCTILE_TOKEN"] ?? ""}` };
const client = createClient<paths>({ baseUrl, headers });

// Trigger and wait: the result is a string, as the command's output schema says.
const waited = await client.POST("/plugin/shell/say", {
  params: { header: { Prefer: "wait=20" } },
  body: { message: "hello", times: 2 },
});
assert.equal(waited.response.status, 200);
const ended = waited.data;
assert(ended !== undefined && "result" in ended, "the job has ended");
assert.equal(ended.status, "succeeded");
const said: string | null | undefined = ended.result?.result;
assert.equal(said, "done");

// Trigger and follow.
const accepted = await client.POST("/plugin/shell/peek");
assert.equal(accepted.response.status, 202);
assert(accepted.data !== undefined && !("dry_run" in accepted.data), "this was no dry run");
const jobId: string = accepted.data.job_id;
const followed = await follow(jobId);
assert.equal(followed.status, "succeeded");
assert.equal(followed.command, "peek");

async function follow(job_id: string): Promise<Job> {
  for (let looks = 0; looks < 400; looks += 1) {
    const { data, error } = await client.GET("/job/{job_id}", { params: { path: { job_id } } });
    assert(data, error?.message);
    if (data.completed_at !== null) return data;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error("the job did not end");
}

// List.
const listed = await client.GET("/jobs", { params: { query: { plugin: "shell", status: ["succeeded"], limit: 100 } } });
assert(listed.data);
assert(listed.data.jobs.some((row) => row.job_id === jobId));
assert(listed.data.total >= 2);

// A dry run has a type of its own, and starts nothing.
const planned = await client.POST("/plugin/shell/say", { params: { query: { dry_run: true } }, body: { message: "x" } });
assert(planned.data !== undefined && "dry_run" in planned.data);
const dry: true = planned.data.dry_run;
assert.equal(dry, true);

// Errors have one type, whatever they are.
const refused = await client.POST("/plugin/shell/say", { body: { message: "x", times: 9 } });
const error: GatewayError | undefined = refused.error;
assert(error);
assert.deepEqual([error.code, error.error], [400, "invalid_payload"]);
const missing = await client.GET("/job/{job_id}", {
  params: { path: { job_id: "00000000-0000-0000-0000-000000000000" } },
});
assert.equal(missing.error?.error, "unknown_job");

// What does not fit the document does not compile.
// @ts-expect-error: `message` is required
void (() => client.POST("/plugin/shell/say", { body: { times: 1 } }));
// @ts-expect-error: no such path
void (() => client.GET("/no-such-path"));

console.log("ok");
