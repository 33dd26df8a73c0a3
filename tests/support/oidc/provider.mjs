// A real OpenID Connect provider on the loopback address. People sign in there by naming themselves
// in a header; what a test tells it at /test is who they are, which of their grants end, and more.
//   node provider.mjs <port> <client as JSON> <key name>
import { generateKeyPairSync } from "node:crypto";
import http from "node:http";
import { Provider } from "oidc-provider";

const [port, client, keyName] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const accounts = new Map();
const grants = new Map();

function key() {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return { ...privateKey.export({ format: "jwk" }), kid: keyName, use: "sig", alg: "RS256" };
}

const provider = new Provider(issuer, {
  clients: [JSON.parse(client)],
  jwks: { keys: [key()] },
  cookies: { keys: ["a key of the tests"] },
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"] },
  scopes: ["openid", "offline_access"],
  // By itself it tells nobody on a loopback address that a session ended.
  fetch: (url, { dispatcher, ...options }) => fetch(url, options),
  pkce: { required: () => true },
  features: {
    devInteractions: { enabled: false },
    backchannelLogout: { enabled: true },
    rpInitiatedLogout: {
      enabled: true,
      logoutSource: (ctx, form) => {
        ctx.body = form;
      },
    },
  },
  findAccount: (_, id) =>
    accounts.has(id) && {
      accountId: id,
      claims: () => ({ sub: id, ...accounts.get(id) }),
    },
});

provider.on("backchannel.error", (_, problem) => console.error("back-channel logout", problem));
provider.on("server_error", (_, problem) => console.error(problem));

async function interaction(request, response) {
  const { prompt, params, session, grantId } = await provider.interactionDetails(request, response);
  if (prompt.name === "login") {
    const who = request.headers["x-login"];
    const result = who
      ? { login: { accountId: who } }
      : { error: "access_denied", error_description: "nobody signs in" };
    return provider.interactionFinished(request, response, result);
  }
  const grant = grantId
    ? await provider.Grant.find(grantId)
    : new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  const saved = await grant.save();
  grants.set(session.accountId, saved);
  return provider.interactionFinished(
    request,
    response,
    { consent: { grantId: saved } },
    { mergeWithLastSubmission: true },
  );
}

const told = {
  account: ({ id, ...claims }) => accounts.set(id, claims),
  revoke: async ({ id }) => {
    await provider.RefreshToken.revokeByGrantId(grants.get(id));
    await (await provider.Grant.find(grants.get(id)))?.destroy();
  },
};

async function test(request, response) {
  let body = "";
  for await (const part of request) body += part;
  const { what, ...said } = JSON.parse(body);
  await told[what](said);
  response.end("{}");
}

const protocol = provider.callback();
http
  .createServer((request, response) => {
    const answer = request.url.startsWith("/interaction/")
      ? interaction(request, response)
      : request.url === "/test"
        ? test(request, response)
        : protocol(request, response);
    Promise.resolve(answer).catch((problem) => {
      console.error(problem);
      response.statusCode = 500;
      response.end();
    });
  })
  .listen(Number(port), "127.0.0.1");
