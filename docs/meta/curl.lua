---@meta dynamodb.curl
---
--- HTTP over libcurl, for the plain runtime: pools of connections and the transfers that use them. It has its own
--- shared object, so that nginx never loads libcurl. Nothing here calls back into Lua.

---@class dynamodb.curl
local curl = {}

--- The version of libcurl that is loaded.
---@type string
curl.version = ""

--- Can a name resolution that hangs be left behind (libcurl 7.87)? Without it a deadline may be overrun by it.
---@type boolean
curl.quick_exit = true

---@class dynamodb.PoolOptions
---@field connect_timeout? number    seconds for name resolution, TCP and TLS together; 3.1
---@field idle_timeout? number       seconds without a byte moving; 5
---@field max_idle? number           seconds that a connection may rest; 50
---@field max_age? number            seconds that a connection may live; 600
---@field max_response? integer      bytes of head and body; 32 MB
---@field max_connections? integer   that are kept open; 128
---@field buffer_size? integer       of libcurl's receive buffer; 64 KB
---@field verify? boolean            the TLS peer's name and chain; true
---@field ca_bundle? string          a file of certificate authorities; the system's store if nil

--- A pool without connections yet. Raises on an unknown or impossible option.
---@param options? dynamodb.PoolOptions
---@return dynamodb.Pool
function curl.pool(options) end

---@class dynamodb.Pool
--- The connections of one runtime. In a forked child it begins anew and leaves its parent's connections alone.
local pool = {}

--- Begins a request.
---@param request dynamodb.Request
---@param deadline? number    on the pool's monotonic clock; nil for none
---@param proxy? string       URL of the proxy that it goes through
---@return dynamodb.Transfer
function pool:start(request, deadline, proxy) end

--- Drives all transfers; returns when one of them ended, when the time is over, or earlier: callers ask in a loop.
---@param timeout? number    seconds; nil for no limit
---@return integer ended     how many transfers ended
function pool:step(timeout) end

--- How many transfers run.
---@return integer
function pool:active() end

--- Closes idle connections before the next request, as after a jump between the clocks.
function pool:retire() end

--- How often the pool has begun anew in a child process.
---@return integer
function pool:forks() end

--- The monotonic clock.
---@return number seconds
function pool:now() end

--- The wall clock.
---@return number seconds    since 1970, with a fraction
function pool:time() end

--- Cancels what runs and closes every connection.
function pool:close() end

---@class dynamodb.Transfer
--- One request on its way.
local transfer = {}

--- What became of the request; a response is handed out once.
---@return dynamodb.Response? response    nil while it runs, and when it failed
---@return string? code                   `Timeout`, `ConnectionError`, `DeadlineExceeded` or `ResponseError`
---@return string? message
---@return boolean? sent                  may the request have arrived?
function transfer:result() end

--- Ends it now, if it still runs.
function transfer:cancel() end

return curl
