// Swagger UI over the API's description. Calls go to where this page came from, whatever the description calls its server.
const { description, own, swagger } = document.getElementById("console").dataset;
const mine = JSON.parse(own); // name of a field → the reader's own id, or null where there is none

// What is tried works as it stands, where it can: examples name things of the reader's own.
const filled = value => {
  if (Array.isArray(value)) return value.map(filled);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, typeof inner === "string" && mine[name] || filled(inner)]));
};

const show = spec => {
  spec.servers = [{ url: location.origin }];
  for (const operation of Object.values(spec.paths).flatMap(Object.values)) {
    for (const parameter of operation.parameters ?? []) {
      if (!(parameter.name in mine)) continue;
      if (mine[parameter.name]) parameter.example = mine[parameter.name];
      else if (parameter.in === "query") delete parameter.example;
    }
    const body = operation.requestBody?.content?.["application/json"];
    if (body?.example) body.example = filled(body.example);
  }
  SwaggerUIBundle({ spec, dom_id: "#console-here", deepLinking: true, docExpansion: "none", defaultModelsExpandDepth: -1, filter: true, tryItOutEnabled: true, persistAuthorization: false, validatorUrl: null, syntaxHighlight: { activated: false } });
};

// It is large, and keeps the browser busy for a while: the page hears keys and clicks before it comes.
const ready = () => new Promise(then => {
  const look = () => { if ("ready" in document.documentElement.dataset) then(); else setTimeout(look, 50); };
  look();
});
const [spec] = await Promise.all([fetch(description).then(answer => answer.json()), ready()]);
const script = Object.assign(document.createElement("script"), { src: swagger });
script.addEventListener("load", () => show(spec));
document.head.append(script);
