// The official TypeScript SDK 1.x.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const { transport, target, env, calls } = JSON.parse(process.argv[2]);
const open = {
  stdio: () => new StdioClientTransport({ command: target[0], args: target.slice(1), env }),
  sse: () => new SSEClientTransport(new URL(target)),
  streamable: () => new StreamableHTTPClientTransport(new URL(target)),
};
const wire = open[transport]();
const client = new Client({ name: "typescript1", version: "1" });
await client.connect(wire);
const { tools } = await client.listTools();
const answers = await Promise.all(calls.map(([name, args]) => client.callTool({ name, arguments: args })));
console.log(JSON.stringify({ version: wire.protocolVersion ?? null, tools, answers }));
await client.close();
