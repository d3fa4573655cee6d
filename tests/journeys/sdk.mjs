// The official Node library against a running Reverie: prints one line for each thing it did.
import OpenAI from "openai";

const client = new OpenAI({ apiKey: process.env.KEY, baseURL: process.env.BASE });
const messages = [{ role: "user", content: "tokens=3" }];

const reply = await client.chat.completions.create({ model: "Luna", messages });
console.log("whole", reply.choices[0].message.content);

let text = "";
for await (const chunk of await client.chat.completions.create({ model: "Luna", messages, stream: true })) {
  text += chunk.choices[0]?.delta?.content ?? "";
}
console.log("stream", text);

const ids = [];
for await (const model of client.models.list()) ids.push(model.id);
console.log("models", ids.some((id) => id.startsWith("Luna [")));

async function failure(call) {
  try {
    await call();
    return "none";
  } catch (error) {
    return `${error.constructor.name} ${error.code}`;
  }
}
const wrong = new OpenAI({ apiKey: "rk_wrong", baseURL: process.env.BASE });
console.log(await failure(() => wrong.chat.completions.create({ model: "Luna", messages })));
console.log(await failure(() => client.chat.completions.create({ model: "0".repeat(24), messages })));
console.log(await failure(() => client.chat.completions.create({ model: "Luna", messages: [] })));
