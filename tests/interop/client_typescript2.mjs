// The official TypeScript SDK 2.x.
import { Client, SSEClientTransport, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";

const { transport, target, env, mode, calls } = JSON.parse(process.argv[2]);
const open = {
  stdio: () => new StdioClientTransport({ command: target[0], args: target.slice(1), env }),
  sse: () => new SSEClientTransport(new URL(target)),
  streamable: () => new StreamableHTTPClientTransport(new URL(target)),
};
const negotiation = ["auto", "legacy"].includes(mode) ? mode : { pin: mode };
const client = new Client({ name: "typescript2", version: "1" }, { versionNegotiation: { mode: negotiation } });
await client.connect(open[transport]());
const { tools } = await client.listTools();
const answers = await Promise.all(calls.map(([name, args]) => client.callTool({ name, arguments: args })));
console.log(JSON.stringify({ version: client.getNegotiatedProtocolVersion(), tools, answers }));
await client.close();
