// Reads lines of [body in base64, documented signature, [secret, …]] and writes one line of JSON: the places of those whose
// bytes are not what JSON.stringify makes of them, or whose signature is neither over the bytes nor over that form.
import { createHmac } from "node:crypto";
import { createInterface } from "node:readline";

const wrong = [];
let place = 0;
for await (const line of createInterface({ input: process.stdin })) {
  const [encoded, signature, secrets] = JSON.parse(line);
  const raw = Buffer.from(encoded, "base64");
  const again = JSON.stringify(JSON.parse(raw.toString("utf8")));
  const isOurs = secrets.some((secret) => createHmac("sha256", secret).update(again).digest("hex") === signature);
  if (!isOurs || !Buffer.from(again).equals(raw)) wrong.push(place);
  place += 1;
}
console.log(JSON.stringify({ read: place, wrong }));
