// Validates workflows and actions with GitHub's own language service.
//
//   node <bundle of this file> ROOT STAND_INS FILE...   prints [{file, line, severity, message}] as JSON
//
// STAND_INS is JSON: "owner/name[/path]" → the text of an action.yml that says which inputs the action has.
import {readFileSync} from "node:fs";
import {join} from "node:path";
import {registerLogger, validate} from "@actions/languageservice";
import {TextDocument} from "vscode-languageserver-textdocument";
import {parse} from "yaml";

const [root, standIns, ...files] = process.argv.slice(2);
const known = JSON.parse(standIns);
const found = [];
let current = "";
// The service logs its own failures and returns no diagnostics: for us that is a finding, not a pass.
const note = message => found.push({file: current, line: 0, severity: 1, message: `language service: ${message}`});
registerLogger({error: note, warn: note, info: () => {}, log: () => {}, debug: () => {}});

const config = {
  fileProvider: {
    async getFileContent(reference) {
      return {name: reference.path, content: readFileSync(join(root, reference.path), "utf8")};
    }
  },
  actionsMetadataProvider: {
    async fetchActionMetadata({owner, name, path}) {
      const text = known[[owner, name, ...(path ? [path] : [])].join("/")];
      return text === undefined ? undefined : parse(text);
    }
  }
};

for (current of files) {
  const text = readFileSync(join(root, current), "utf8");
  const document = TextDocument.create(`file:///${current}`, "yaml", 1, text);
  for (const {message, range, severity} of await validate(document, config)) {
    found.push({file: current, line: (range?.start.line ?? -1) + 1, severity: severity ?? 1, message});
  }
}
process.stdout.write(JSON.stringify(found));
