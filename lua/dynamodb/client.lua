--- A client: what was configured at connect, and `call` for every operation of the API.
local lazy = require "dynamodb.lazy"
local admin = lazy "dynamodb.admin.ensure"
local batch = lazy "dynamodb.batch"
local core = require "dynamodb.core"
local cursors = require "dynamodb.cursor"
local config = require "dynamodb.config"
local endpoint = require "dynamodb.endpoint"
local errors = require "dynamodb.error"
local explain = lazy "dynamodb.explain"
local model = require "dynamodb.model"
local option_rules = require "dynamodb.options"
local parallel = lazy "dynamodb.parallel"
local partiql = lazy "dynamodb.partiql"
local request = require "dynamodb.request"
local setup = require "dynamodb.setup"
local shared = require "dynamodb.nginx.shared"
local table_module = require "dynamodb.table"
local tables = lazy "dynamodb.admin.tables"
local transaction = lazy "dynamodb.transaction"
local usage = require "dynamodb.usage"
local version = require "dynamodb.version"
local waiters = lazy "dynamodb.admin.waiters"
local whoami = lazy "dynamodb.whoami"

local client_methods = {}
local client_mt = { __name = "dynamodb.Client", __index = client_methods }

---@class dynamodb.Client
---@field private given table               the options of connect, a copy
---@field private environment table<string, string>    as it was at connect
---@field private is_complete boolean?      the shared files have been read
---@field private profile dynamodb.Profile? from then on
---@field private region dynamodb.Setting?
---@field private provider table?           of credentials
---@field private values userdata?          core.options: how values are written and read
---@field private rounds_numbers boolean     are decoded numbers not what they were on the wire?
---@field private cursor_keys string[]?
---@field private in_lambda boolean
---@field private strict boolean
---@field private limits boolean            refuse what is surely over a quota
---@field private timeout number|false      seconds for one call in all
---@field private capacity "none"|"total"|"indexes"
---@field private retry_ambiguous boolean
---@field private retry userdata              core.retry: what all its calls share
---@field private is_adaptive boolean         has it a rate limiter, which is asked before each attempt?
---@field private random (fun(): number)?     where jitter comes from, if not from the system
---@field private problem string?            what is wrong with the environment or the files; every call says so
---@field private hooks table<string, function>
---@field private explained dynamodb.ExplainedRequest[]?    while it only explains
---@field private user_agent string
---@field private max_response integer      bytes

---@class dynamodb.Meta
---@field attempts integer
---@field waited number         seconds between attempts
---@field request_id string?
---@field capacity table?       ConsumedCapacity, as DynamoDB reports it

function client_mt:__tostring()
  return ("dynamodb.Client(%s)"):format(self.region and self.region.value or "no region")
end

-- What connect takes, and the type of each: a Lua type, one of CHECKS or a list of words.
local OPTIONS = {
  region = "string",
  endpoint = "string",
  profile = "string",
  use_fips_endpoint = "boolean",
  use_dualstack_endpoint = "boolean",
  account_id_endpoint_mode = { "preferred", "disabled", "required" },
  ignore_configured_endpoint_urls = "boolean",
  mfa_token = "function",
  shared_dict = "string",
  credentials = "credentials",
  access_key_id = "string",
  secret_access_key = "string",
  session_token = "string",
  account_id = "string",
  timeout = "seconds or false",
  connect_timeout = "seconds",
  idle_timeout = "seconds",
  ca_bundle = "string",
  verify = "boolean",
  strict = "boolean",
  limits = "boolean",
  retry_ambiguous = "boolean",
  retry = "table",
  cursor_keys = "table",
  before_send = "function",
  after_response = "function",
  on_retry = "function",
  on_throttle = "function",
  max_response = "bytes",
  runtime = "table",
  user_agent = "token",
  app_id = "token",
  capacity = { "none", "total", "indexes" },
  numbers = { "lossless", "native", "exact", "string" },
  unsupported = { "error", "skip" },
  empty_sets = { "error", "omit", "null" },
  empty_strings = { "keep", "null" },
}

local CHECKS = {
  -- The bounds of dynamodb.curl's settings, so that nothing is left to be found at the first call.
  ["seconds"] = function(value)
    return type(value) == "number" and value >= 0.001 and value <= 86400, "a number of seconds from 0.001 to 86400"
  end,
  ["seconds or false"] = function(value)
    return value == false or type(value) == "number" and value > 0, "a positive number of seconds, or false for none"
  end,
  ["bytes"] = function(value)
    return type(value) == "number" and value >= 1024 and value <= 1e12 and value == math.floor(value),
      "a number of bytes from 1024 to 1e12"
  end,
  ["credentials"] = function(value)
    return type(value) == "table" or type(value) == "function", "a table or a function"
  end,
  ["token"] = function(value)
    return type(value) == "string" and #value <= 50 and value:find("^[%w!$%%&'*+.^_`|~#/ -]+$") ~= nil,
      "a short text of letters, digits and -_.+ (it becomes part of a header)"
  end,
}

---@param name string
---@param value any
local function check_option(name, value)
  local wanted = OPTIONS[name]
  if type(wanted) == "table" then
    for _, choice in ipairs(wanted) do
      if value == choice then return end
    end
    usage.raise(('connect: %s must be "%s"'):format(name, table.concat(wanted, '" or "')))
  end
  local check = CHECKS[wanted]
  if not check then
    if type(value) ~= wanted then
      usage.raise(("connect: %s must be a %s, not a %s"):format(name, wanted, type(value)))
    end
    if value == "" then usage.raise(("connect: %s is empty"):format(name)) end
    return
  end
  local ok, expected = check(value)
  if not ok then usage.raise(("connect: %s must be %s"):format(name, expected)) end
end

--- The provider of credentials that the options ask for; nil if they leave it to the environment and the files.
---@param options table
---@return table?
local function choose_provider(options)
  local static = require "dynamodb.credentials.static"
  local given = options.credentials
  for _, name in ipairs { "access_key_id", "secret_access_key", "session_token", "account_id" } do
    if options[name] ~= nil then
      if options.credentials ~= nil then usage.raise(("connect: give either credentials or %s"):format(name)) end
      given = given or {}
      given[name] = options[name]
    end
  end
  if type(given) == "function" then
    return require("dynamodb.credentials.cached").new(require("dynamodb.credentials.callback").new(given))
  end
  if given then
    local message = static.problem(given)
    if message then usage.raise("connect: " .. message) end
    return static.new(given)
  end
end

--- core.options of the choices that were made; nil for the defaults.
---@param options table
---@return userdata?
local function value_options(options)
  local chosen
  for _, name in ipairs { "numbers", "unsupported", "empty_sets", "empty_strings" } do
    local value = options[name]
    if value ~= nil and value ~= OPTIONS[name][1] then
      chosen = chosen or {}
      chosen[name] = value
    end
  end
  return chosen and core.options(chosen)
end

--- `dynamodb-lua/1.0 ua/2.1 lang/lua#5.4 api/dynamodb [app/…] […]`.
--- Source: field order of the AWS SDKs' User-Agent 2.1.
---@param app_id string?
---@param own string?    what the program adds
---@return string
local function user_agent(app_id, own)
  local jit = rawget(_G, "jit")
  local language = jit and "lang/luajit#" .. jit.version:match("[%d.]+") or "lang/lua#" .. _VERSION:match("[%d.]+")
  local parts = { "dynamodb-lua/" .. version, "ua/2.1", language, "api/dynamodb" }
  if app_id and CHECKS.token(app_id) then parts[#parts + 1] = "app/" .. app_id:gsub("[/ ]", "-") end
  if own then parts[#parts + 1] = own end
  return table.concat(parts, " ")
end

--- The retry policy of a client.
---@param options table
---@param environment table<string, string>
---@return userdata policy
---@return boolean is_adaptive
---@return string? problem    of the environment
local function retry_policy(options, environment)
  local settings, problem = config.retry(options, environment)
  local ok, policy = pcall(core.retry, settings)
  if not ok then usage.raise("connect: " .. tostring(policy)) end
  return policy, settings.mode == "adaptive", problem
end

--- The source of jitter that the caller gave for retries: batches wait by it, too.
---@param retry table?
---@return (fun(): number)?
local function given_random(retry)
  local random = retry and retry.random
  if type(random) ~= "number" then return random end
  return function() return random end
end

local MAX_RESPONSE = 32 * 2 ^ 20 -- bytes of an answer, as sent or inflated

--- Makes a client. No I/O is done: the environment is read, files and network wait for the first call.
---@param options table?    see `dynamodb.connect`
---@return dynamodb.Client
local function connect(options)
  if options == nil then options = {} end
  usage.check_type(options, "table", "the options of connect")
  usage.check_names(options, OPTIONS, "option of connect")
  for name, value in pairs(options) do check_option(name, value) end
  if options.endpoint then
    local _, message = endpoint.parse(options.endpoint)
    if message then usage.raise("connect: endpoint " .. message) end
  end
  local provider = choose_provider(options)
  if options.shared_dict then
    shared.dictionary(options.shared_dict, "connect: shared_dict")
    if provider then usage.raise "connect: shared_dict is for credentials that are searched, not for given ones" end
  end
  if options.cursor_keys then cursors.check_keys(options.cursor_keys, "connect: cursor_keys") end
  local environment = config.snapshot()
  local policy, is_adaptive, problem = retry_policy(options, environment)
  local given = {}
  for name, value in pairs(options) do given[name] = value end
  return setmetatable({
    given = given,
    environment = environment,
    retry = policy,
    is_adaptive = is_adaptive,
    random = given_random(options.retry),
    problem = problem,
    hooks = {
      before_send = options.before_send,
      after_response = options.after_response,
      on_retry = options.on_retry,
      on_throttle = options.on_throttle,
    },
    region = config.region(options, environment),
    configured = {}, -- endpoints, by service; filled from the environment and the files at the first call
    endpoints = {}, -- parsed, by service and account; filled as they are needed
    provider = provider,
    values = value_options(options),
    rounds_numbers = options.numbers == "native" or options.numbers == "string",
    cursor_keys = options.cursor_keys,
    in_lambda = environment.AWS_LAMBDA_FUNCTION_NAME ~= nil,
    strict = options.strict ~= false,
    limits = options.limits ~= false,
    timeout = options.timeout == nil and 30 or options.timeout,
    capacity = options.capacity or "total",
    retry_ambiguous = options.retry_ambiguous or false,
    app_id = options.app_id,
    max_response = options.max_response or MAX_RESPONSE,
    given_runtime = options.runtime,
    transport = { -- completed from the files
      idle_timeout = options.idle_timeout or 5,
      verify = options.verify ~= false,
      max_response = options.max_response or MAX_RESPONSE,
    },
  }, client_mt)
end

--- The module of the runtime for where we are: nginx's Lua has one of its own, in which libcurl would block the worker.
---@return string
local function runtime_here()
  return shared.is_nginx() and "dynamodb.runtime.nginx" or "dynamodb.runtime.plain"
end

--- What reaches the outside for this client; made at its first use, when the configuration is read as a whole.
---@private
---@return table
function client_methods:runtime()
  if self.closed then usage.raise("the client is closed") end
  if not self.is_complete then
    self.is_complete = true
    setup.complete(self)
    self.user_agent = user_agent(self.app_id, self.given.user_agent)
  end
  if self.given_runtime then return self.given_runtime end
  if not self.own_runtime then self.own_runtime = require(runtime_here()).new(self.transport) end
  return self.own_runtime
end

--- Seconds on the clock that deadlines are measured by; only differences mean something.
---@return number
function client_methods:now()
  return self:runtime():now()
end

--- Waits. Other tasks go on meanwhile (those of `parallel`, and of a consumer of a stream), and nginx's worker does.
---@param seconds number    0 gives the others a turn
function client_methods:sleep(seconds)
  if type(seconds) ~= "number" or not (seconds >= 0 and seconds < math.huge) then
    usage.raise("sleep: a number of seconds from 0 is expected, not " .. tostring(seconds))
  end
  self:runtime():sleep(seconds)
end

---@param message string
---@return nil
---@return dynamodb.Error
local function misconfigured(message)
  return nil, errors.new { code = "ConfigurationError", message = message, sent = false }
end

--- The region that requests are signed for.
---@private
---@return string?
---@return dynamodb.Error?
function client_methods:signing_region()
  if self.problem then return misconfigured(self.problem) end
  if not self.region then return misconfigured "no AWS region; give the option region or set AWS_REGION" end
  return endpoint.signing_region(self.region.value)
end

--- Where the requests of a service go.
---@private
---@param service "dynamodb"|"dynamodbstreams"
---@param account_id string?     of the credentials
---@param arn string?            what the request is about, if it is named by one
---@param is_search boolean?     it searches vectors
---@return dynamodb.Url?
---@return dynamodb.Error?
function client_methods:endpoint(service, account_id, arn, is_search)
  local group = is_search and "search" or service
  local account = arn and endpoint.arn_account(arn, self.region.value) or account_id
  local known = self.endpoints[group]
  if not known then
    known = {}
    self.endpoints[group] = known
  end
  if known[account or ""] then return known[account or ""] end
  local region, configured = self.region, self.configured[service]
  local parameters = {
    Region = region.value,
    Endpoint = configured and configured.value,
    UseFIPS = self.use_fips,
    UseDualStack = self.use_dualstack,
    AccountId = account,
    AccountIdEndpointMode = self.account_mode,
    IsSearchOperation = is_search,
    service = service,
  }
  local resolved, message = endpoint.resolve(parameters)
  -- An endpoint of one's own does not excuse a region that cannot be signed for.
  if resolved and configured then
    local plain, problem = endpoint.resolve { Region = region.value, service = service }
    if not plain then resolved, message = nil, problem end
  end
  if not resolved then return misconfigured(("%s (from %s)"):format(message, (configured or region).source)) end
  known[account or ""] = assert(endpoint.parse(resolved.url))
  return known[account or ""]
end

--- The way of a request for the library's own operations: nothing is checked that they have checked.
---@private
---@param operation string
---@param params table
---@param options table    timeout, deadline, retry_ambiguous
---@param built table?     what the builder of the request knows of it
---@return table? value
---@return dynamodb.Error?
---@return dynamodb.Meta?
function client_methods:perform(operation, params, options, built)
  return request.perform(self, operation, model.operations[operation], params, options, built)
end

local CALL_OPTIONS = { timeout = true, deadline = true, retry_ambiguous = true }

--- Calls any operation of DynamoDB or DynamoDB Streams by its name. Parameters are DynamoDB's, with Lua's values where
--- an AttributeValue stands. An operation that this version does not know is sent as plain JSON, its AttributeValues
--- written out by hand (`{ S = "x" }`).
---@param operation string     "DescribeTable"
---@param params table?        `{ TableName = "users" }`; not changed
---@param options table?       timeout (seconds, false for none), deadline (on db:now()), retry_ambiguous (boolean)
---@return table? value        the answer's members
---@return dynamodb.Error?
---@return dynamodb.Meta?
function client_methods:call(operation, params, options)
  usage.check_type(operation, "string", "operation")
  if params == nil then params = {} end
  usage.check_type(params, "table", "params")
  options = option_rules.check(options, CALL_OPTIONS, "call")
  if not model.operations[operation] then
    if not operation:find("^%u%w+$") then usage.raise(("%q cannot be an operation's name"):format(operation)) end
    local meant = self.strict and usage.nearest(operation, model.operations)
    if meant then usage.raise(("unknown operation %q; did you mean %q?"):format(operation, meant)) end
  end
  return self:perform(operation, params, options)
end

--- Where the region, the endpoint and the credentials come from. Credentials are fetched if need be; nothing is sent to
--- DynamoDB. The answer has no secret in it: it can be printed.
---@param options table?            timeout (seconds), deadline
---@return dynamodb.Identity?       profile, region and endpoint (value, source) and credentials (source, the end of
---                                 access_key_id, account_id, expires); `tostring` makes lines of it
---@return dynamodb.Error?
function client_methods:whoami(options)
  options = option_rules.check(options, { timeout = true, deadline = true }, "whoami")
  return whoami.ask(self, request.deadline(self, options))
end

--- Puts and deletes in any of the client's tables, as `f` tells them: `b:put(users, item)`, `b:delete(orders, key)`.
--- They are sent in batches while `f` runs, and the rest when it returns. If `f` raises, nothing new is sent and the
--- report says how far it came.
---@param f fun(b: dynamodb.BatchWriter)
---@param options table?    as for `Table:put_all`; wcu holds for each table
---@return dynamodb.BatchReport? report    only if all of it is done
---@return dynamodb.Error?                 else: code Incomplete, with `report`, and `cause` if `f` raised
function client_methods:batch(f, options)
  return batch.run(self, f, options)
end

--- A table of this client. No request is made; what the schema does not declare is described when it is needed.
---@param name string       name or ARN
---@param schema table?     partition and sort (names), types (`{ pk = "S" }`), indexes (`{ GSI1 = { partition = "a" }
---                         }`), retry_ambiguous (for the table's writes), version (the attribute that holds an item's
---                         version: every write through the table checks it and moves it on), stamps (true: every
---                         write through the table sets createdAt and updatedAt; or `{ created = "…", updated = "…" }`
---                         for other names, or for one of them); or the table's whole spec, as `create_table` takes it
---@return dynamodb.Table
function client_methods:table(name, schema)
  return table_module.new(self, name, schema)
end

--- Makes a table and waits until it is ACTIVE.
---
--- ```lua
--- local orders = assert(db:create_table {
---   name = "orders", partition = "pk", sort = "sk", types = { total = "N" },
---   indexes = { by_total = { partition = "pk", sort = "total", kind = "local" }, GSI1 = { partition = "GSI1PK" } },
---   billing = { read = 5, write = 5 }, stream = "NEW_AND_OLD_IMAGES", ttl = "expires", tags = { stage = "prod" },
--- })
--- ```
---@param spec dynamodb.TableSpec
---@param options table?         wait (false: do not), timeout (seconds in all; 600, false for none), deadline (on
---                              db:now())
---@return dynamodb.Table? table
---@return dynamodb.Error?       code ResourceInUseException if there is one of this name; DeadlineExceeded or
---                              WaitFailed, with `state`, if it does not become ACTIVE
---@return dynamodb.Meta?
function client_methods:create_table(spec, options)
  return admin.create(self, spec, options)
end

--- Makes a table, or changes the one that is there to what the spec says, and waits until that is done. Done again, it
--- changes nothing. What the spec does not mention stays as it is; an index is as the spec says, defaults and all.
---
--- Another program may do the same at the same time: what it has begun is waited for. Turning on the time to live is
--- not waited for, since the service takes up to an hour for it.
---@param spec dynamodb.TableSpec    raw is for a new table
---@param options table?         plan (true: change nothing, return the steps), prune (true: indexes and tags that are
---                              not in the spec are removed), replace_indexes (true: an index with another key or
---                              projection is removed and made anew), wait (false: not for the last step), timeout
---                              (seconds in all; 600, false for none), deadline (on db:now())
---@return dynamodb.Table|dynamodb.Plan|nil table    with plan = true, the steps: `print(plan)`, `#plan == 0`
---@return dynamodb.Error?       code ImpossibleChange with `problems`, before anything is changed, if the key, a local
---                              index or, without replace_indexes, another index is not the wanted one; else with
---                              `step`, what failed
---@return dynamodb.Meta?        with `plan`, the steps that were taken
function client_methods:ensure_table(spec, options)
  return admin.ensure(self, spec, options)
end

--- Drops a table with all its items, and waits until it is gone.
---@param name string        name or ARN
---@param options table?     if_exists (true: that it is not there is no failure), wait (false: do not), timeout
---                          (seconds in all; 600, false for none), deadline (on db:now())
---@return true? deleted
---@return dynamodb.Error?
---@return dynamodb.Meta?
function client_methods:delete_table(name, options)
  return tables.delete(self, name, options)
end

--- The names of the account's tables: `for name in db:tables { prefix = "app-" } do`. A failure is raised there as
--- error object; `:next()` returns it, and so does `:all()`, which gives a list.
---@param options table?     prefix, page_size (names a request, up to 100), timeout (seconds in all; none, but each
---                          request has the client's), deadline (on db:now())
---@return dynamodb.TableNames
function client_methods:tables(options)
  return tables.list(self, options)
end

--- Waits until something has the state that is wanted. The first look is at once, the next ones after delays from 0.2
--- to 10 seconds.
---
--- | what | of | until |
--- | --- | --- | --- |
--- | `active`, `gone` | table | it is ACTIVE; it is not there any more |
--- | `index` | table | its index is ACTIVE and filled; option `index`: the name |
--- | `ttl` | table | its time to live is ENABLED (up to an hour) |
--- | `stream` | table | it has a stream and is ACTIVE |
--- | `pitr` | table | point-in-time recovery is ENABLED |
--- | `kinesis` | table | a Kinesis destination is ACTIVE; option `stream`: its ARN, else any |
--- | `insights` | table | contributor insights are ENABLED; option `index`: of an index |
--- | `export`, `import`, `bulk` | ARN | it is COMPLETED |
--- | `backup` | ARN | it is AVAILABLE |
---@param what string        what is waited for, of the first column
---@param of string          a table's name, or an ARN
---@param options table?     timeout (seconds in all; 600, false for none), deadline (on db:now()), index, stream
---@return any value         what was looked at, as DynamoDB describes it; true if it is gone
---@return dynamodb.Error?   code WaitFailed if it cannot come to that state any more, DeadlineExceeded if it takes too
---                          long; both with `state`, the last one seen
function client_methods:wait(what, of, options)
  return waiters.wait(self, what, of, options, "db:wait")
end

--- The stream of a table: `:records()` gives its records one by one, `:consume(handler)` follows it for good. No
--- request is made.
---@param of dynamodb.Table|string    a table, its name, or the ARN of a stream
---@return dynamodb.Stream
function client_methods:stream(of)
  return require("dynamodb.streams.stream").new(self, of)
end

--- Runs functions at the same time and waits for all of them: while one waits for an answer, the others go on. They
--- share one thread, so nothing happens between two requests that the program does not do itself. When one raises, so
--- does `parallel`, after all of them have ended.
---
--- ```lua
--- local values, errs = db:parallel {
---   function() return users:get { pk = "1" } end,
---   function() return orders:get { pk = "2" } end,
--- }
--- ```
---@param functions (fun(): any, any)[]
---@param options table?    concurrency: how many run at a time; all of them by default
---@return table values     the first result of each function, nil where there was none
---@return table? errs      nil if no function returned an error; else errs[i] is the one of functions[i]
function client_methods:parallel(functions, options)
  local runtime = self:runtime()
  if self.explained then runtime = {} end -- one by one: while one asks for keys, the others would be sent
  return parallel.run(runtime, functions, options)
end

--- Up to 100 writes on different items that all happen or none of them does. The function adds them to the transaction
--- that it is given: `tx:put(table, item, { where = … })`, `tx:create(table, item)`, `tx:update(table, key, changes, {
--- where = … })`, `tx:delete(table, key, { where = … })`, `tx:check(table, key, where)`. When it returns they are sent,
--- with a token, so that repeating them after a lost answer does no harm; when it raises nothing is. What cannot be
--- sent (a second operation on an item, one too many, an item over 400 KB) raises where it is added; nothing to do is
--- done.
---@param f fun(tx: dynamodb.Transaction)
---@param options table?    token (1 to 36 characters, to be the same transaction as another call of the last 10
---                         minutes), retry_conflicts (how often the function may run again, with a new token and after
---                         a while, when nothing but others' work on the same items was in the way), timeout (seconds),
---                         deadline, capacity ("total", "indexes", "none")
---@return true? done
---@return dynamodb.Error?  TransactionCanceledException has `reasons`, one for each operation in order: `{ code =
---                         "None", message=, item=, operation = "update", table = name, key = { … } }`
---@return dynamodb.Meta?   also runs: how often the function ran
function client_methods:transact(f, options)
  return transaction.write(self, f, options)
end

--- Reads up to 100 items as they were at one moment. The function names them: `tx:get(table, key, { attributes = … })`.
---@param f fun(tx: dynamodb.TransactionGet)
---@param options table?     retry_conflicts, timeout (seconds), deadline, capacity
---@return table[]? items    in the order of the gets; false for one that is not there
---@return dynamodb.Error?
---@return dynamodb.Meta?
function client_methods:transact_get(f, options)
  return transaction.get(self, f, options)
end

--- Executes one PartiQL statement. A SELECT gives its items one by one, over as many pages as there are: `for item in
--- db:execute("SELECT * FROM users WHERE pk = ?", { "USER#1" }) do`; nothing is sent before the first one is asked for.
--- Any other statement is executed at once, and is not sent again by itself when it is unknown whether it was applied.
---
--- | option | meaning |
--- | --- | --- |
--- | `limit` | of a SELECT: items to give out at most |
--- | `page_size` | of a SELECT: items that a request reads at most (DynamoDB's Limit); 1 MB by default |
--- | `consistent` | of a SELECT: boolean |
--- | `capacity` | "total", "indexes" or "none" |
--- | `timeout`, `deadline` | seconds for all of it, or a time on `db:now()` |
--- | `retry_ambiguous` | `true`: a write is sent again also when it may have been applied |
---@param statement string    up to 8,192 characters
---@param parameters any[]?   a list of values, one for each `?`
---@param options table?
---@return dynamodb.StatementResults|table[]|true|nil result    of a SELECT; else true, or with RETURNING the items
---@return dynamodb.Error?    of a statement that is no SELECT
---@return dynamodb.Meta?
function client_methods:execute(statement, parameters, options)
  return partiql.execute(self, statement, parameters, options)
end

--- Executes many PartiQL statements, 25 to a request: all of them read one item each, or all of them write. What the
--- service throttles is sent again until it is done. Writes of one item have no order among each other.
---@param statements table[]    a list of `{ statement, parameters }`
---@param options table?        consistent (boolean, of reads), capacity, timeout (seconds in all; none by default),
---                             deadline, stall (seconds without any progress until it gives up; 60), retry_ambiguous
---@return dynamodb.StatementReport? report    only if all of it is done; `results[i]` is the item of statement i, false
---                             if there is none, and true for a write
---@return dynamodb.Error?      else: code Incomplete, with `report`; in it `failures` and `leftovers`, each with the
---                             `index` of its statement
function client_methods:execute_batch(statements, options)
  return partiql.execute_batch(self, statements, options)
end

--- Executes up to 100 PartiQL statements of which all happen or none of them does: all of them read one item each, or
--- all of them write or check (EXISTS). They are sent with a token, so that repeating them after a lost answer does no
--- harm.
---@param statements table[]    a list of `{ statement, parameters }`
---@param options table?        token (1 to 36 characters), capacity, timeout (seconds), deadline
---@return table[]|true|nil result    the items, false for one that is not there; true for writes
---@return dynamodb.Error?      TransactionCanceledException has `reasons`, one for each statement in order: `{ code =
---                             "None", message =, item =, statement = }`
---@return dynamodb.Meta?
function client_methods:execute_transaction(statements, options)
  return partiql.execute_transaction(self, statements, options)
end

--- The requests that a function of the program's would make, as DynamoDB gets them; none of them is sent. Each call
--- inside of it returns an error of the code Explained, and where the function raises that, it has ended; what else it
--- raises is raised. The keys of a table that was declared without them are really asked for. `tostring` of the list,
--- or of one request, is for people: JSON in lines, and expressions with their names and values put in.
---
--- ```lua
--- print(db:explain(function() users:update(key, { add = { visits = 1 } }) end))
--- ```
---@param f fun()       runs at once; it must wait for nothing but the client's calls
---@return dynamodb.ExplainedRequest[] requests    `{ operation =, service =, target =, body = "…" }`
function client_methods:explain(f)
  return explain.run(self, f)
end

--- Closes the connections that the client opened itself. The client cannot be used any more; closing twice is allowed.
function client_methods:close()
  self.closed = true
  local own = self.own_runtime
  self.own_runtime = nil
  if own then own:close() end
end

client_mt.__close = client_methods.close

return { connect = connect }
