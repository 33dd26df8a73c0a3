// Every word of our own on the page, in the reader's language; GraphiQL itself speaks English only.
const english = {
  username: "User name",
  password: "Password",
  signIn: "Sign in",
  signOut: "Sign out",
  signedInAs: (name: string) => `Signed in as ${name}`,
  noToken: "The answer held no token.",
  trace: "Trace",
  traceHint: "Open the trace of the last answer",
  plan: "Query plan",
  planHint: "Send a query: how the gateway answered it appears here.",
  planOff: "This gateway does not show plans.",
  unreachable: "The gateway does not answer.",
};

const chinese: typeof english = {
  username: "用户名",
  password: "密码",
  signIn: "登录",
  signOut: "退出",
  signedInAs: (name) => `已登录：${name}`,
  noToken: "返回结果中没有令牌。",
  trace: "链路追踪",
  traceHint: "打开最近一次请求的链路追踪",
  plan: "查询计划",
  planHint: "发送一个查询，这里会显示网关如何执行它。",
  planOff: "此网关不显示查询计划。",
  unreachable: "网关没有响应。",
};

export const isChinese = navigator.language.toLowerCase().startsWith("zh");
export const words = isChinese ? chinese : english;
