// Shows the openapi.json beside this page, below whatever prefix a proxy has put in front. The token that is typed in stays in this page: it is kept nowhere and sent to this gateway alone.
const base = location.pathname.replace(/\/docs\/?$/, "");
let described = false;
SwaggerUIBundle({
  url: `${base}/openapi.json`,
  // The first answer is that document. What is tried goes to where the page comes from: its policy allows nothing else.
  responseInterceptor: (response) => {
    if (described || !response.ok) return response;
    described = true;
    const document = JSON.parse(response.text);
    document.servers = [{ url: base || "/", description: "This gateway." }];
    response.text = JSON.stringify(document);
    return response;
  },
  dom_id: "#docs",
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  filter: true,
  persistAuthorization: false,
  queryConfigEnabled: false,
  tryItOutEnabled: true,
  validatorUrl: null,
});
