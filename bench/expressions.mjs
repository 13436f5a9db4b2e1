// Evaluates GitHub's expressions with GitHub's own library: lines of {"expression", "contexts"} in, of values out.
// "status" says what the functions success(), failure() and cancelled() answer.
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const { Lexer, Parser, Evaluator, data } = await import(pathToFileURL(process.argv[2] + "/index.js"));
const { truthy } = await import(pathToFileURL(process.argv[2] + "/result.js"));

function toData(value) {
  if (value === null) return new data.Null();
  if (typeof value === "boolean") return new data.BooleanData(value);
  if (typeof value === "number") return new data.NumberData(value);
  if (typeof value === "string") return new data.StringData(value);
  if (Array.isArray(value)) return new data.Array(...value.map(toData));
  return new data.Dictionary(...Object.entries(value).map(([key, one]) => ({ key, value: toData(one) })));
}

const names = ["success", "failure", "cancelled", "always", "hashFiles"];
for await (const line of createInterface({ input: process.stdin })) {
  const { expression, contexts, status } = JSON.parse(line);
  const functions = names.map((name) => ({
    name,
    minArgs: 0,
    maxArgs: 255,
    call: () => new data.BooleanData(name === "always" || Boolean(status[name])),
  }));
  const parser = new Parser(new Lexer(expression).lex().tokens, Object.keys(contexts), functions);
  const known = new Map(functions.map((one) => [one.name.toLowerCase(), one]));
  const found = new Evaluator(parser.parse(), toData(contexts), known).evaluate();
  console.log(JSON.stringify({ text: found.coerceString(), yes: truthy(found) }));
}
