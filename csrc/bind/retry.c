#include "retry.h"

#include "../engine/http_fields.h"

typedef struct Policy {
  RetryPolicy retry;
  double random; /* given as a number; negative: not */
} Policy;

/* Policy and calls own one table: the policy at 1, the caller's random function at 2. */
typedef struct Call {
  Policy *policy; /* kept alive by that table */
  RetryCall retry;
  char invocation[UUID_TEXT]; /* drawn for the first attempt */
} Call;

static Policy *check_policy (lua_State *L, int arg) {
  return state_check(L, arg, MT_RETRY, "retry policy");
}

static Call *check_call (lua_State *L, int arg) {
  return state_check(L, arg, MT_RETRY_CALL, "retry call");
}

static const char *const class_names[] = {
  [RETRY_THROTTLING] = "throttling", [RETRY_TRANSIENT] = "transient", [RETRY_MODELLED] = "modelled",
  [RETRY_CLOCK_SKEW] = "clock_skew", [RETRY_EXPIRED] = "expired",
};

static const char *const reason_names[] = {
  [DONE_SUCCESS] = "success",     [DONE_NOT_RETRYABLE] = "not_retryable",
  [DONE_AMBIGUOUS] = "ambiguous", [DONE_MAX_ATTEMPTS] = "max_attempts",
  [DONE_QUOTA] = "quota",         [DONE_DEADLINE] = "deadline",
};

static void push_class (lua_State *L, RetryClass class) {
  if (class == RETRY_NEVER)
    lua_pushnil(L);
  else
    lua_pushstring(L, class_names[class]);
}

/* {==== Options ==== */

typedef struct NumberOption {
  const char *name;
  size_t offset;
  double least, most;
  int open; /* `least` itself is too little */
  const char *wanted;
} NumberOption;

#define SECONDS "a number of seconds, 0 or more"
#define AMOUNT "a number, 0 or more"
#define OPTION(name, field, least, most, open, wanted) \
  { name, offsetof(RetrySettings, field), least, most, open, wanted }

static const NumberOption number_options[] = {
  OPTION("base", base, 0, HUGE_VAL, 0, SECONDS),
  OPTION("beta", limiter.beta, 0, 1, 1, "a number above 0, up to 1"),
  OPTION("clock_skew_round_trip", skew_round_trip, 0, HUGE_VAL, 0, SECONDS),
  OPTION("clock_skew_threshold", skew_threshold, 0, HUGE_VAL, 0, SECONDS),
  OPTION("cost", cost, 0, HUGE_VAL, 0, AMOUNT),
  OPTION("initial_quota", initial_quota, 0, HUGE_VAL, 0, AMOUNT),
  OPTION("max_attempts", max_attempts, 1, 1000000, 0, "a whole number, 1 or more"),
  OPTION("max_backoff", max_backoff, 0, HUGE_VAL, 0, SECONDS),
  OPTION("min_capacity", limiter.min_capacity, 1, HUGE_VAL, 0, "a number, 1 or more"),
  OPTION("min_rate", limiter.min_rate, 0, HUGE_VAL, 1, "a number above 0"),
  OPTION("quota", quota, 0, HUGE_VAL, 0, AMOUNT),
  OPTION("refund", refund, 0, HUGE_VAL, 0, AMOUNT),
  OPTION("retry_after_limit", retry_after_limit, 0, HUGE_VAL, 0, SECONDS),
  OPTION("scale", limiter.scale, 0, HUGE_VAL, 1, "a number above 0"),
  OPTION("smooth", limiter.smooth, 0, 1, 1, "a number above 0, up to 1"),
  OPTION("throttling_base", throttling_base, 0, HUGE_VAL, 0, SECONDS),
  OPTION("throttling_cost", throttling_cost, 0, HUGE_VAL, 0, AMOUNT),
  OPTION("transaction_in_progress", in_progress, 0, HUGE_VAL, 0, SECONDS),
};

static int refuse (lua_State *L, const char *name, const char *wanted) {
  return luaL_error(L, "retry option '%s' must be %s", name, wanted);
}

/* The value on top as the number that `option` wants. */
static double number_value (lua_State *L, const NumberOption *option) {
  double n = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : NAN;
  int whole = option->offset != offsetof(RetrySettings, max_attempts) || n == floor(n);
  if (!(n >= option->least && n <= option->most && whole) || n == HUGE_VAL || (option->open && n == option->least))
    refuse(L, option->name, option->wanted);
  return n;
}

static int mode_value (lua_State *L) {
  const char *mode = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
  int adaptive = strcmp(mode, "adaptive") == 0;
  if (!adaptive && strcmp(mode, "standard") != 0) refuse(L, "mode", "\"standard\" or \"adaptive\"");
  return adaptive;
}

/* A number from 0 to 1 on top. */
static double fraction (lua_State *L) {
  double n = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : NAN;
  if (!(n >= 0 && n <= 1)) refuse(L, "random", "a number from 0 to 1, or a function that gives one");
  return n;
}

/* random = a number or a function; the function goes into the owned table on the stack at `owned`. */
static double random_value (lua_State *L, int owned) {
  if (!lua_isfunction(L, -1)) return fraction(L);
  lua_pushvalue(L, -1);
  lua_rawseti(L, owned, 2);
  return -1;
}

static const NumberOption *find_option (const char *name) {
  for (size_t i = 0; i < sizeof number_options / sizeof *number_options; i++)
    if (strcmp(number_options[i].name, name) == 0) return &number_options[i];
  return NULL;
}

/* One option: its name is below its value, which is on top. */
static void read_option (lua_State *L, RetrySettings *settings, Policy *policy, int owned) {
  if (lua_type(L, -2) != LUA_TSTRING) luaL_error(L, "names of retry options are strings");
  const char *name = lua_tostring(L, -2);
  const NumberOption *option = find_option(name);
  if (option) {
    double n = number_value(L, option);
    memcpy((char *)settings + option->offset, &n, sizeof n);
  } else if (strcmp(name, "mode") == 0) {
    settings->adaptive = mode_value(L);
  } else if (strcmp(name, "clock_skew") == 0) {
    if (!lua_isboolean(L, -1)) refuse(L, name, "true or false");
    settings->correct_skew = lua_toboolean(L, -1);
  } else if (strcmp(name, "random") == 0) {
    policy->random = random_value(L, owned);
  } else {
    luaL_error(L, "unknown retry option '%s'", name);
  }
}

/* core.retry(options) -> policy */
static int retry_new (lua_State *L) {
  RetrySettings settings;
  lua_settop(L, 1);
  if (!lua_isnil(L, 1)) luaL_checktype(L, 1, LUA_TTABLE);
  Policy *policy = lua_newuserdata(L, sizeof *policy);
  memset(policy, 0, sizeof *policy);
  policy->random = -1;
  state_mark(L, MT_RETRY);
  lua_createtable(L, 2, 0);
  lua_pushvalue(L, 2);
  lua_rawseti(L, 3, 1);
  retry_defaults(&settings);
  if (lua_istable(L, 1))
    for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1))
      read_option(L, &settings, policy, 3);
  retry_open(&policy->retry, &settings);
  compat_setowned(L, 2);
  return 1;
}

/* }==== */

/* {==== The policy ==== */

static int policy_quota (lua_State *L) {
  lua_pushnumber(L, check_policy(L, 1)->retry.quota);
  return 1;
}

/* Seconds that the service is ahead of us; nil as long as no response told. */
static int policy_skew (lua_State *L) {
  const Policy *policy = check_policy(L, 1);
  if (policy->retry.skew_known)
    lua_pushnumber(L, policy->retry.skew);
  else
    lua_pushnil(L);
  return 1;
}

static void set_number (lua_State *L, const char *name, double value) {
  lua_pushnumber(L, value);
  lua_setfield(L, -2, name);
}

static int policy_limiter (lua_State *L) {
  const Limiter *l = &check_policy(L, 1)->retry.limiter;
  lua_createtable(L, 0, 6);
  lua_pushboolean(L, l->enabled);
  lua_setfield(L, -2, "enabled");
  set_number(L, "rate", l->rate);
  set_number(L, "tokens", l->tokens);
  set_number(L, "capacity", l->capacity);
  set_number(L, "measured", l->measured);
  set_number(L, "last_max", l->last_max);
  return 1;
}

static int policy_tostring (lua_State *L) {
  const RetryPolicy *p = &check_policy(L, 1)->retry;
  lua_pushfstring(L, "dynamodb.retry (%s, %d attempts)", p->settings.adaptive ? "adaptive" : "standard",
                  (int)p->settings.max_attempts);
  return 1;
}

/* A call of the policy at 1, whose owner it keeps alive; it is pushed. */
static int push_call (lua_State *L, int safe, int max_attempts, double deadline) {
  Policy *policy = check_policy(L, 1);
  Call *call = lua_newuserdata(L, sizeof *call);
  int index = lua_gettop(L);
  call->policy = policy;
  call->invocation[0] = '\0';
  retry_begin(&policy->retry, &call->retry, safe, max_attempts, deadline);
  compat_getowned(L, 1);
  compat_setowned(L, index);
  state_mark(L, MT_RETRY_CALL);
  return 1;
}

/* policy:call{ safe =, deadline =, max_attempts = } -> call */
static int policy_call (lua_State *L) {
  check_policy(L, 1);
  lua_settop(L, 2);
  if (!lua_isnil(L, 2)) luaL_checktype(L, 2, LUA_TTABLE);
  int safe = 0, max_attempts = 0;
  double deadline = HUGE_VAL;
  if (lua_istable(L, 2)) {
    lua_getfield(L, 2, "safe");
    safe = lua_toboolean(L, -1);
    lua_getfield(L, 2, "deadline");
    if (!lua_isnil(L, -1)) {
      if (lua_type(L, -1) != LUA_TNUMBER) refuse(L, "deadline", "a number of seconds");
      deadline = lua_tonumber(L, -1);
    }
    lua_getfield(L, 2, "max_attempts");
    if (!lua_isnil(L, -1)) max_attempts = (int)number_value(L, find_option("max_attempts"));
    lua_settop(L, 2);
  }
  return push_call(L, safe, max_attempts, deadline);
}

/* policy:begin(safe, deadline, max_attempts) -> call: the same without a table, for who makes many */
static int policy_begin (lua_State *L) {
  int max_attempts = 0;
  check_policy(L, 1);
  lua_settop(L, 4);
  luaL_argcheck(L, lua_isnil(L, 2) || lua_isboolean(L, 2), 2, "true or false expected");
  if (!lua_isnil(L, 3) && lua_type(L, 3) != LUA_TNUMBER) refuse(L, "deadline", "a number of seconds");
  if (!lua_isnil(L, 4)) max_attempts = (int)number_value(L, find_option("max_attempts"));
  return push_call(L, lua_toboolean(L, 2), max_attempts, lua_isnil(L, 3) ? HUGE_VAL : lua_tonumber(L, 3));
}

/* }==== */

/* {==== One call ==== */

static int call_wait (lua_State *L) {
  Call *call = check_call(L, 1);
  lua_pushnumber(L, retry_wait(&call->policy->retry, &call->retry, luaL_checknumber(L, 2)));
  return 1;
}

static int call_signing_time (lua_State *L) {
  const Call *call = check_call(L, 1);
  lua_pushnumber(L, luaL_checknumber(L, 2) + call->retry.skew);
  return 1;
}

static int call_attempts (lua_State *L) {
  compat_pushinteger(L, check_call(L, 1)->retry.attempts);
  return 1;
}

static int call_max_attempts (lua_State *L) {
  compat_pushinteger(L, check_call(L, 1)->retry.max_attempts);
  return 1;
}

static int call_ambiguous (lua_State *L) {
  lua_pushboolean(L, check_call(L, 1)->retry.ambiguous);
  return 1;
}

void retry_headers (lua_State *L, int arg, double now, double time, RetryHeaders *headers) {
  Call *call = check_call(L, arg);
  if (!call->invocation[0] && !random_uuid(call->invocation)) luaL_error(L, "the system gives no random bytes");
  headers->invocation = call->invocation;
  headers->time = time + call->retry.skew;
  headers->request_len = retry_attempt(&call->retry, now, headers->time, headers->request);
}

/* The failure at 2: an error object, or a table like one. Its code stays on the stack. */
static void read_failure (lua_State *L, RetryOutcome *o) {
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_getfield(L, 2, "status");
  if (!lua_isnil(L, -1) && lua_type(L, -1) != LUA_TNUMBER)
    luaL_error(L, "field 'status' of a failure must be a number, not a %s", luaL_typename(L, -1));
  lua_Number status = lua_tonumber(L, -1);
  o->status = status > 0 && status < 1000 ? (int)status : 0;
  lua_getfield(L, 2, "sent");
  o->sent = lua_toboolean(L, -1) || o->status;
  lua_getfield(L, 2, "code");
  if (lua_isnil(L, -1)) return;
  o->code.data = lua_isstring(L, -1) ? lua_tolstring(L, -1, &o->code.len) : NULL;
  if (!o->code.data) luaL_error(L, "field 'code' of a failure must be a string, not a %s", luaL_typename(L, -1));
}

static RetryText text_of (const HttpField *field) {
  return (RetryText){field->value, field->len};
}

static void read_head (lua_State *L, int arg, RetryOutcome *o) {
  enum { DATE, AGE, MILLISECONDS, AFTER, COUNT };
  HttpField fields[COUNT] = {HTTP_FIELD("date"), HTTP_FIELD("age"), HTTP_FIELD("x-amz-retry-after"),
                             HTTP_FIELD("retry-after")};
  size_t len;
  const char *head = luaL_checklstring(L, arg, &len);
  http_fields(head, len, fields, COUNT);
  o->date = text_of(&fields[DATE]);
  o->has_age = fields[AGE].value != NULL;
  o->retry_after_ms = text_of(&fields[MILLISECONDS]);
  o->retry_after = text_of(&fields[AFTER]);
}

/* The text in the field `name` of the table at 2; it stays on the stack. */
static RetryText text_field (lua_State *L, const char *name) {
  RetryText text = {NULL, 0};
  lua_getfield(L, 2, name);
  if (lua_isnil(L, -1)) return text;
  text.data = lua_isstring(L, -1) ? lua_tolstring(L, -1, &text.len) : NULL;
  if (!text.data) luaL_error(L, "field '%s' of the outcome must be a string, not a %s", name, luaL_typename(L, -1));
  return text;
}

/* 0 when it is nil. */
static int number_field (lua_State *L, const char *name, double *value) {
  lua_getfield(L, 2, name);
  int given = !lua_isnil(L, -1);
  if (given && lua_type(L, -1) != LUA_TNUMBER)
    luaL_error(L, "field '%s' of the outcome must be a number, not a %s", name, luaL_typename(L, -1));
  *value = given ? lua_tonumber(L, -1) : 0;
  lua_pop(L, 1);
  return given;
}

static int boolean_field (lua_State *L, const char *name) {
  lua_getfield(L, 2, name);
  int value = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return value;
}

static void read_outcome (lua_State *L, RetryOutcome *o) {
  double status;
  luaL_checktype(L, 2, LUA_TTABLE);
  memset(o, 0, sizeof *o);
  o->ok = boolean_field(L, "ok");
  o->date = text_field(L, "date");
  o->has_age = text_field(L, "age").data != NULL;
  o->timed = number_field(L, "sent_at", &o->sent_at) & number_field(L, "received_at", &o->received_at);
  if (o->ok) return;
  number_field(L, "status", &status);
  o->status = status > 0 && status < 1000 ? (int)status : 0;
  o->code = text_field(L, "code");
  o->sent = boolean_field(L, "sent") || o->status;
  o->refreshed = boolean_field(L, "refreshed");
  o->retry_after_ms = text_field(L, "retry_after");
  o->retry_after = text_field(L, "retry_after_s");
}

/* Uniform in [0, 1): from the system, or as the program wants it. */
static double draw (lua_State *L, const Policy *policy) {
  if (policy->random >= 0) return policy->random;
  compat_getowned(L, 1);
  lua_rawgeti(L, -1, 2);
  if (lua_isfunction(L, -1)) {
    lua_call(L, 0, 1);
    return fraction(L);
  }
  uint64_t bits;
  if (!random_bytes(&bits, sizeof bits)) luaL_error(L, "the system gives no random bytes");
  return (double)(bits >> 11) / 9007199254740992.0;
}

/* What comes of an attempt: "retry", seconds, class | "done", nil, reason, class */
static int push_decision (lua_State *L, Call *call, const RetryOutcome *o, double now) {
  double random = o->ok ? 0 : draw(L, call->policy);
  RetryDecision d = retry_outcome(&call->policy->retry, &call->retry, o, now, random);
  if (d.again) {
    lua_pushliteral(L, "retry");
    lua_pushnumber(L, d.delay);
    push_class(L, d.class);
    return 3;
  }
  lua_pushliteral(L, "done");
  lua_pushnil(L);
  lua_pushstring(L, reason_names[d.reason]);
  push_class(L, d.class);
  return 4;
}

/* call:outcome(outcome, now) -> "retry", seconds, class | "done", nil, reason, class */
static int call_outcome (lua_State *L) {
  Call *call = check_call(L, 1);
  RetryOutcome o;
  double now = luaL_checknumber(L, 3);
  lua_settop(L, 3);
  read_outcome(L, &o);
  return push_decision(L, call, &o, now);
}

/* call:ended(failure, now, head, sent_at, received_at, refreshed) -> as of outcome */
static int call_ended (lua_State *L) {
  Call *call = check_call(L, 1);
  RetryOutcome o = {.ok = lua_isnil(L, 2), .refreshed = lua_toboolean(L, 7)};
  double now = luaL_checknumber(L, 3);
  lua_settop(L, 7);
  if (!lua_isnil(L, 4)) read_head(L, 4, &o);
  o.timed = !lua_isnil(L, 5) && !lua_isnil(L, 6);
  if (o.timed) o.sent_at = luaL_checknumber(L, 5), o.received_at = luaL_checknumber(L, 6);
  if (!o.ok) read_failure(L, &o);
  return push_decision(L, call, &o, now);
}

/* }==== */

/* core.classify(status, code, sent) -> class | nil, ambiguous */
static int retry_class (lua_State *L) {
  size_t len;
  int ambiguous;
  lua_Number status = luaL_optnumber(L, 1, 0);
  const char *code = luaL_optlstring(L, 2, "", &len);
  int sent = lua_toboolean(L, 3) || status > 0;
  RetryClass class = retry_classify(status > 0 && status < 1000 ? (int)status : 0, code, len, sent, &ambiguous);
  push_class(L, class);
  lua_pushboolean(L, ambiguous);
  return 2;
}

static const luaL_Reg policy_metamethods[] = {{"__tostring", policy_tostring}, {NULL, NULL}};

static const luaL_Reg policy_methods[] = {{"begin", policy_begin}, {"call", policy_call}, {"limiter", policy_limiter},
                                          {"quota", policy_quota}, {"skew", policy_skew}, {NULL, NULL}};

static const luaL_Reg call_methods[] = {{"ambiguous", call_ambiguous},
                                        {"attempts", call_attempts},
                                        {"max_attempts", call_max_attempts},
                                        {"ended", call_ended},
                                        {"outcome", call_outcome},
                                        {"signing_time", call_signing_time},
                                        {"wait", call_wait},
                                        {NULL, NULL}};

static const luaL_Reg no_metamethods[] = {{NULL, NULL}};

static void register_object (lua_State *L, Metatable which, const luaL_Reg *metamethods, const luaL_Reg *methods) {
  state_metatable(L, which);
  state_register(L, metamethods);
  lua_newtable(L);
  state_register(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}

void retry_register (lua_State *L) {
  static const luaL_Reg functions[] = {{"classify", retry_class}, {"retry", retry_new}, {NULL, NULL}};
  register_object(L, MT_RETRY, policy_metamethods, policy_methods);
  register_object(L, MT_RETRY_CALL, no_metamethods, call_methods);
  state_register(L, functions);
}
