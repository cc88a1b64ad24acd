// Swagger UI over the API's description. Calls go to where this page came from, whatever the description calls its server.
const told = document.currentScript.dataset.description;
fetch(told).then(answer => answer.json()).then(spec => {
  spec.servers = [{ url: location.origin }];
  SwaggerUIBundle({ spec, dom_id: "#console", deepLinking: true, docExpansion: "none", defaultModelsExpandDepth: -1, filter: true, tryItOutEnabled: true, persistAuthorization: false, validatorUrl: null, syntaxHighlight: { activated: false } });
});
