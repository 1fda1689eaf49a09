---@meta dynamodb.core
---
--- The native primitives: DynamoDB's values and JSON, AWS signatures, checksums. Nothing here does I/O or keeps state
--- between calls; errors of the caller raise, errors of data are returned as `nil, message`.

---@class dynamodb.core
local core = {}

--- The version of the library.
---@type string
core._VERSION = ""

--- DynamoDB's NULL and JSON's null: a NULL lightuserdata, equal to `cjson.null` and `ngx.null`.
---@type lightuserdata
core.null = nil

--- Marks a table as a list, also when it is empty. `dynamodb.list` sets it; every decoded list carries it.
---@type table
core.list_mt = {}

--- Marks a sequence as a set (SS, NS or BS by its elements). `dynamodb.set` sets it.
---@type table
core.set_mt = {}

--- Marks a table as an AttributeValue that is already typed, such as `{ S = "x" }`. `dynamodb.raw` sets it.
---@type table
core.raw_mt = {}

--- Marks an operator of an expression, such as `dynamodb.expr.gt(1)`; it is refused where a value is expected.
---@type table
core.operator_mt = {}

--- Marks a path into a document. `dynamodb.path` sets it; it is refused where a value is expected.
---@type table
core.path_mt = {}

---@class dynamodb.Number
--- A number that no Lua number holds exactly: up to 38 significant digits. `tostring` gives its decimal text, `==`, `<`
--- and `<=` compare two of them by value; arithmetic raises. `dynamodb.compare` compares it with any number.
local number = {}

--- The nearest Lua number, which may be rounded.
---@return number
function number:tonumber() end

---@class dynamodb.Binary
--- Bytes, as DynamoDB's B. `tostring` and `..` give its bytes, `#` their number; `==`, `<` and `<=` compare two of
--- them.
local binary = {}

--- A number of DynamoDB's, from its text or a Lua number: a native one where that is exact, else a `dynamodb.Number`.
--- Raises when it is not a number that DynamoDB holds (38 digits, 1E-130 to 9.99…E125).
---@param number string|number
---@return number|dynamodb.Number
function core.number(number) end

--- Orders two numbers, native or boxed.
---@param a number|dynamodb.Number
---@param b number|dynamodb.Number
---@return -1|0|1
function core.compare(a, b) end

--- Bytes that are written as B.
---@param bytes string|dynamodb.Binary
---@return dynamodb.Binary
function core.binary(bytes) end

--- What a userdata of ours is.
---@param value any
---@return "number"|"binary"|nil
function core.kind(value) end

--- A text that two scalars share exactly if DynamoDB takes them for equal, for use as a table's key.
---@param value any
---@return string?    nil for what is not a scalar
function core.key(value) end

---@class dynamodb.ValueOptions
---@field numbers? "lossless"|"native"|"exact"|"string"    how N is decoded: exact in the best type (the default), as a
---   Lua number that may be rounded, always boxed, or as text
---@field unsupported? "error"|"skip"             what is done with values of no DynamoDB type
---@field empty_sets? "error"|"omit"|"null"       what is written for a set without elements
---@field empty_strings? "keep"|"null"            what is written for ""

--- Options for values, checked once. Raises on an unknown name or value.
---@param options dynamodb.ValueOptions
---@return userdata options    for the functions that take `options?`; nil anywhere means the defaults
function core.options(options) end

--- An item as DynamoDB JSON: `{"pk":{"S":"a"}}`. Raises, naming the attribute's path, when a value cannot be written.
---@param item table
---@param options? userdata|dynamodb.ValueOptions
---@return string json
function core.marshal(item, options) end

--- The item that a DynamoDB JSON text holds.
---@param json string
---@param options? userdata|dynamodb.ValueOptions
---@return table? item
---@return string? message
function core.unmarshal(json, options) end

--- One value as an AttributeValue: `{"S":"a"}`. Raises like `marshal`.
---@param value any
---@param options? userdata|dynamodb.ValueOptions
---@return string json
function core.marshal_value(value, options) end

--- The value that one AttributeValue holds.
---@param json string
---@param options? userdata|dynamodb.ValueOptions
---@return any value
---@return string? message
function core.unmarshal_value(json, options) end

--- A value as plain JSON. Raises when it cannot be written.
---@param value any
---@return string json
function core.json_encode(value) end

--- The value of a plain JSON text; objects and arrays become tables, arrays keep the list mark.
---@param json string
---@param exact? boolean    numbers are those that DynamoDB can have, none of them rounded: as `unmarshal` gives them
---@return any value
---@return string? message
function core.json_decode(json, exact) end

---@class dynamodb.Shape: userdata
--- Where AttributeValues stand in a request or an answer.

--- Compiles a shape text: `v` an AttributeValue, `i` a map of them, `[]` a list, `{}` a map with the user's keys,
--- `(A,B i)` a structure; what has no letter or bracket is plain JSON. Raises on a bad text.
---@param text string
---@return dynamodb.Shape
function core.shape(text) end

--- The body of a request, in one pass over `params`.
---@param shape dynamodb.Shape
---@param params table
---@param options? userdata|dynamodb.ValueOptions
---@param strict? boolean          refuse a member that is one edit or a case away from a known one
---@return string? body
---@return string? message         names the path
function core.encode(shape, params, options, strict) end

--- What an answer holds, in one pass over `body`; members that are null are left out, an empty body is an empty table.
---@param shape? dynamodb.Shape    nil: all of it is plain JSON
---@param body string
---@param options? userdata|dynamodb.ValueOptions
---@return table? answer
---@return string? message
function core.decode(shape, body, options) end

---@class dynamodb.SignerOptions
---@field access_key_id string
---@field secret_access_key string
---@field session_token? string    of temporary credentials
---@field region string
---@field service string           "dynamodb", "s3", "execute-api", …
---@field normalize_path? boolean  resolve `.`, `..` and `//` in the path; true, S3 wants false
---@field double_encode? boolean   encode the path once more; true, S3 wants false
---@field omit_session_token? boolean    send the token, but leave it out of the signature; false

---@class dynamodb.SignRequest
---@field method string
---@field path? string                     as it is sent, "/" if nil
---@field query? string                    as it is sent, without "?"
---@field headers { [1]: string, [2]: string }[]    a list of { name, value }; Host must be among them
---@field body? string
---@field payload_hash? string             instead of the body's, e.g. "UNSIGNED-PAYLOAD"

--- AWS Signature Version 4 for any service. The signing key is derived once a day. Raises on a missing field.
---@param options dynamodb.SignerOptions
---@return dynamodb.Signer
function core.signer(options) end

---@class dynamodb.Signer
--- Signs requests for one identity, region and service. Its `tostring` does not show the secret.
local signer = {}

--- Signs a request with headers.
---@param request dynamodb.SignRequest
---@param unix_time number
---@return table<string, string> headers    to be added: X-Amz-Date, Authorization, X-Amz-Security-Token
---@return string signature                 in hexadecimal
function signer:sign(request, unix_time) end

--- Signs a request as a URL that is valid for a while.
---@param request dynamodb.SignRequest
---@param unix_time number
---@param expires? integer   seconds, up to 604,800; 900
---@return string query      the whole query string
function signer:presign(request, unix_time, expires) end

--- Every header of a DynamoDB request, signed ones and others, as "Name: value" lines that end in CRLF.
---@param host string
---@param target string           the operation, e.g. "DynamoDB_20120810.GetItem"
---@param body string
---@param unix_time number
---@param invocation_id string    the same for all attempts of a call
---@param sdk_request string      "attempt=1; max=4"
---@param user_agent? string
---@param extra? string           complete lines that are sent, but not signed
---@param path? string            of the endpoint; "/"
---@return string head
function signer:head(host, target, body, unix_time, invocation_id, sdk_request, user_agent, extra, path) end

--- The same for an attempt of a retry call, which begins by it: its time is corrected, its invocation id and what it
--- says of itself come from the call.
---@param call dynamodb.RetryCall
---@param host string
---@param target string
---@param body string
---@param unix_time number    our clock, uncorrected
---@param now number          on the clock of the call's deadline
---@param user_agent? string
---@param extra? string       complete lines that are sent, but not signed
---@param path? string        of the endpoint; "/"
---@param whole? integer      bytes of a body for which the whole message is wanted, "POST / HTTP/1.1" and the body with
---                           the headers between; none
---@return string head        or the message
---@return boolean is_whole   is it the message?
function signer:attempt(call, host, target, body, unix_time, now, user_agent, extra, path, whole) end

--- Wipes the keys from memory; the signer cannot be used any more. The collector does the same.
function signer:close() end

---@class dynamodb.Batch
--- Many puts and deletes, or gets, as few requests until each is done: a state machine that owns bytes, does no I/O
--- and is told the time, in seconds. `Table:put_all`, `get_all` and `db:batch` are loops around it. What it was
--- given is always done, failed, superseded or unprocessed.
local batch = {}

--- A batch.
---
--- | field | meaning |
--- | --- | --- |
--- | `kind` | "write" or "get" |
--- | `max_operations`, `max_bytes` | of a request; 25 or 100, 16 MB |
--- | `budget` | bytes held, above which `add` refuses; 16 MB |
--- | `max_failed` | refusals until it gives up, and failures that are kept; 100 |
--- | `base`, `cap` | of the delays of leftovers, which double and are drawn between 0 and that; 0.05 and 20 |
--- | `stall`, `deadline` | seconds without any progress until it gives up, 60; a time on the clock of `now` |
--- | `limits`, `capacity` | false: quotas are left to the service; what was consumed is not asked for |
--- | `options` | as for `core.marshal` |
--- | `random` | a function that gives numbers from 0 to 1; the system's random source by default |
---@param fields table
---@return dynamodb.Batch
function core.batch(fields) end

--- Makes a table known. A name that is known keeps its number and its options; with another key or members it raises.
---@param fields table    name, partition, sort, types (`{ pk = "S" }`); rate (capacity units a second), owed (units of
---                       it that others have taken already) and now; of a get: consistent, members (JSON members
---                       beside the keys)
---@return integer table
function batch:table(fields) end

--- Takes one operation; the bytes of the item are made here.
---@param table integer
---@param op "put"|"delete"|"get"
---@param item table       or the key
---@param index? number    of a get: the number that its result will have
---@param force? boolean   also above the budget
---@return boolean? added    false: there is no room now; nil: it cannot be sent, and counts as failed
---@return string? message
function batch:add(table, op, item, index, force) end

--- Counts an operation that failed before it could be added.
function batch:refuse() end

--- Would the next request be fuller with more operations?
---@return boolean
function batch:wants() end

--- The next request to send. Or seconds to wait, `math.huge` for until one under way is back; or nothing: it is over.
---@param now number
---@return integer? id
---@return string|number|nil body    or the seconds
function batch:next(now) end

--- Tells what came of a request.
---@param id integer
---@param outcome table    `{ body = }`, the answer; or class ("throttling", "transient", "too_large", "refused",
---                        "no_table", "fatal"), code, message, retry_after (seconds)
---@param now number
---@return table results    of a get: item or false, by the numbers of who asked
function batch:done(id, outcome, now) end

--- Nothing new is sent.
function batch:stop() end

--- Why nothing new is sent: "stopped", "deadline", "stalled", "failures", "error".
---@return string?
function batch:stopped() end

--- Is the table missing, or closed to us?
---@param table integer
---@return boolean
function batch:lost(table) end

--- The account: input, done, failed, superseded, unprocessed; requests, sent (operations in them), bytes (held),
--- capacity (units reported, by table).
---@return table
function batch:report() end

--- What failed: a list of table, op, item or key, code, message; at most max_failed.
---@return table[]
function batch:failures() end

--- What is unprocessed: a list of table, op, item or key, in the order of input.
---@return table[]
function batch:leftovers() end

--- Frees what it holds; the collector does the same. Closing twice is allowed.
function batch:close() end

---@alias dynamodb.TokenKind
---| "name"       of an attribute, as it stands in the text
---| "alias"      "#name"
---| "value"      ":value"
---| "position"   the digits of "[0]"
---| "function"   a name before a parenthesis
---| "keyword"    a word where no operand can stand, and NOT; known ones in capitals
---| "operator"   = <> < <= > >= + -
---| "dot"
---| "comma"
---| "open"
---| "close"

--- The tokens of an expression text. Words are told apart by where they stand, so that an attribute may be called like
--- a keyword; the grammar is the service's. Literals, characters without a meaning and what does not balance are
--- refused.
---@param text string
---@param kind "condition"|"update"
---@return table? tokens      { kind, text, position, kind, text, position, … }; positions are bytes, from 1
---@return string? message    "position 5: …"
function core.expression_tokens(text, kind) end

--- How many operators and functions an expression text has, as the quota of 300 counts them: not the assignments of an
--- update, nor its clauses, nor the AND of a BETWEEN.
---@param text string
---@param kind "condition"|"update"
---@param limit integer
---@return integer? count
---@return integer|string|nil beyond    position of the first one that is too many; without a count, what is wrong
function core.expression_operators(text, kind, limit) end

--- The CRC-32 of the wire (zlib's), as in the x-amz-crc32 header.
---@param bytes string
---@return integer
function core.crc32(bytes) end

--- Inflates gzip data; refuses more than `limit` bytes of it.
---@param bytes string
---@param limit integer
---@return string? bytes
---@return string? message
function core.gunzip(bytes, limit) end

---@class dynamodb.Deflater
--- gzip in pieces, for files of any length.
local deflater = {}

--- A deflater.
---@param level? integer    1 (fast) to 9 (small); 6
---@return dynamodb.Deflater
function core.deflater(level) end

--- Takes bytes in.
---@param bytes string
---@return string? compressed    what is ready of it, often nothing
---@return string? message
function deflater:write(bytes) end

--- Ends the gzip member. The next bytes begin another one, which is part of the same file.
---@return string? compressed
---@return string? message
function deflater:finish() end

--- Frees its memory; the collector does the same.
function deflater:close() end

---@class dynamodb.Inflater
--- The way back. Several gzip members in a row are one file.
local inflater = {}

--- An inflater.
---@return dynamodb.Inflater
function core.inflater() end

--- Takes compressed bytes in.
---@param bytes string    not too many: they may become a thousand times as many
---@return string? inflated
---@return string? message
function inflater:read(bytes) end

--- Has a gzip member begun that has not ended? At the end of a file, it was cut off.
---@return boolean
function inflater:inside() end

--- Frees its memory; the collector does the same.
function inflater:close() end

---@class dynamodb.Md5
--- MD5 in pieces: the checksum of S3 and its manifests, no protection against anybody.
local md5 = {}

--- An MD5 of nothing yet.
---@return dynamodb.Md5?
---@return string? message    OpenSSL does not offer it where only approved algorithms are allowed
function core.md5_stream() end

--- Takes bytes in.
---@param bytes string
---@return dynamodb.Md5    itself
function md5:update(bytes) end

--- Its 16 bytes. Nothing can be added afterwards.
---@return string
function md5:finish() end

--- A random UUID (version 4) from the system's random source.
---@return string
function core.uuid() end

--- An MD5 hash, for formats of others: it proves nothing.
---@param bytes string
---@return string    32 digits of lower-case hexadecimal
function core.md5(bytes) end

--- A SHA-1 hash: the names of SSO's token files are made of it, nothing else here.
---@param bytes string
---@return string    40 digits of lower-case hexadecimal
function core.sha1(bytes) end

--- A SHA-256 hash.
---@param bytes string
---@return string    64 digits of lower-case hexadecimal
function core.sha256(bytes) end

--- An ES256 signature, as JSON Web Tokens have it (RFC 7518, section 3.4).
---@param pem string        a private key on the curve P-256, not encrypted
---@param message string
---@return string? signature    64 bytes
---@return string x_or_message  32 bytes of the public key; else what is wrong
---@return string? y            the other 32
function core.es256(pem, message) end

--- `n` bytes from the system's random source.
---@param n integer
---@return string
function core.random(n) end

--- Bytes as base64 text with padding.
---@param bytes string
---@return string
function core.base64(bytes) end

--- The bytes of a base64 text.
---@param text string
---@return string? bytes
---@return string? message
function core.unbase64(text) end

--- A URL-safe text of some bytes, for what leaves the program and comes back. It carries a tag (HMAC-SHA-256, 16 bytes)
--- over the context and the bytes: a signature if there are keys; else everybody can make it, and it only tells a text
--- that was made for another context or was damaged. Signed is not secret.
---@param bytes string
---@param context string      what the text is for; not part of it
---@param keys? string[]      up to 8; the first one signs
---@return string text        letters, digits, "-" and "_"
function core.seal(bytes, context, keys) end

--- The bytes of a sealed text. With keys it must be signed with one of them; that is checked first, in constant time.
---@param text string
---@param context string
---@param keys? string[]
---@return string? bytes
---@return "malformed"|"unsigned"|"signed"|"foreign"|"out of memory"|nil verdict    why not; "foreign" is one that was
---                           changed, made for another context, or signed with another key
function core.unseal(text, context, keys) end

---@class dynamodb.Bucket
--- A token bucket of capacity units a second, that may owe: a request is charged what it will probably cost, and
--- settled when that is known. It starts with one second's worth and never holds more.
local bucket = {}

--- A token bucket.
---@param rate number    units a second
---@param now number     seconds on a clock that only goes forward
---@return dynamodb.Bucket
function core.bucket(rate, now) end

--- Seconds until it is out of debt; 0: a request may go.
---@param now number
---@return number
function bucket:wait(now) end

--- Takes an estimate, which may leave a debt.
---@param units number
function bucket:charge(units) end

--- Corrects a charge by what the service reported.
---@param charged number
---@param consumed number
function bucket:settle(charged, consumed) end

--- A response's body as it was before the transfer: its CRC-32 is checked if the service sent one, then it is inflated
--- if it is gzip.
---@param head string         raw
---@param body string         raw
---@param limit integer       bytes that it may inflate to
---@return string? body       nil if it cannot be used
---@return string? request_id
---@return string? message    what is wrong with it
function core.content(head, body, limit) end

--- One header of a raw response head; the first if there are several.
---@param head string
---@param name string    in lower case
---@return string?
function core.header(head, name) end

--- A request of HTTP/1.1 as bytes. Raises on what could begin a second request or change where this one ends (a line
--- break in a header, two lengths, one that is not the body's), and names the part.
---@param method string        "POST"
---@param path string          with the query, encoded
---@param head string          every header as "Name: value\r\n", `Host` included; Content-Length is added if missing
---@param body string
---@param with_body boolean    is the body to follow the head in the same bytes?
---@return string
function core.http_request(method, path, head, body, with_body) end

---@class dynamodb.HttpReader
--- Reads HTTP/1.x responses from the bytes of a connection, however they are cut, one after the other. Strict: what two
--- readers could understand differently is refused (Source: RFC 9112, "Message Body Length"). It does no I/O.
local reader = {}

--- A reader of responses.
---@param max_response integer    bytes that one may have, with interim responses and chunks' framing
---@return dynamodb.HttpReader
function core.http(max_response) end

--- Takes the next bytes of the connection. Gives nothing as long as the response goes on; then its parts or what is
--- wrong with it, and begins anew.
---@param bytes string
---@param no_body boolean?        it answers a HEAD
---@return integer? status
---@return string? head           raw, status line and blank line included; or the message of a refusal
---@return string? body           raw
---@return boolean? keep_alive    may another request go over this connection?
function reader:feed(bytes, no_body) end

--- The connection has ended: the response that ends with it, or what is missing. Results as of `feed`.
---@return integer? status
---@return string? head
---@return string? body
---@return boolean? keep_alive
function reader:finish() end

---@class dynamodb.RetryOptions
---@field mode? "standard"|"adaptive"    adaptive also holds requests back once the service throttles
---@field max_attempts? integer          4, the first one included
---@field base? number                   0.025 seconds: limit of the first random delay, doubled by each further one
---@field throttling_base? number        1 second: the same after a throttled attempt
---@field max_backoff? number            20 seconds: what doubling ends at
---@field quota? number                  500: what a client may spend on retries
---@field initial_quota? number          what it begins with; all of it
---@field cost? number                   14: of a retry, given back when it succeeds
---@field throttling_cost? number        5: of one after a throttled attempt
---@field refund? number                 1: for a success without any retry
---@field retry_after_limit? number      5 seconds: how much longer than its delay the service may make us wait
---@field transaction_in_progress? number    5 seconds: so long after the first attempt comes the last one, then
---@field clock_skew? boolean            true: learn the service's clock and sign by it
---@field clock_skew_threshold? number   240 seconds: a smaller skew explains no refusal
---@field clock_skew_round_trip? number  900 seconds: nothing is learned from an answer that took longer
---@field random? number|fun(): number   0 to 1; the system's random source if nil; must not yield
---@field beta? number                   adaptive: 0.7, what a throttled answer leaves of the rate
---@field scale? number                  adaptive: 0.4, of the cubic along which the rate grows again
---@field smooth? number                 adaptive: 0.8, weight of the latest half second in the measured rate
---@field min_rate? number               adaptive: 0.5 requests a second
---@field min_capacity? number           adaptive: 1 request that may be saved up

--- A retry policy: state that the calls of a client share. It does no I/O and asks for no time. Raises on an option
--- that makes no sense, and names it.
---@param options? dynamodb.RetryOptions
---@return dynamodb.RetryPolicy
function core.retry(options) end

---@class dynamodb.RetryPolicy
--- What the calls of a client share: the quota, the rate limiter, the service's clock.
local policy = {}

---@class dynamodb.RetryCallOptions
---@field safe? boolean           may it be sent again when it is unknown whether it was applied? false
---@field deadline? number        on the clock of `now`
---@field max_attempts? integer   the policy's

--- Begins a logical call.
---@param options? dynamodb.RetryCallOptions
---@return dynamodb.RetryCall
function policy:call(options) end

--- Begins a logical call, without a table: for who makes many.
---@param safe? boolean           as of `call`
---@param deadline? number
---@param max_attempts? integer
---@return dynamodb.RetryCall
function policy:begin(safe, deadline, max_attempts) end

--- What is left to be spent on retries.
---@return number
function policy:quota() end

--- How far the service's clock is ahead of ours; nil as long as no answer told.
---@return number? seconds
function policy:skew() end

--- The rate limiter as it is: `enabled`, `rate` and `measured` (requests a second), `tokens`, `capacity`, `last_max`.
---@return table
function policy:limiter() end

---@class dynamodb.RetryCall
--- One logical call: what it says after an attempt is final for that attempt.
local call = {}

--- Seconds to wait before the next attempt may be sent; 0: it goes now. Asked until it is 0.
---@param now number    seconds on a clock that only goes forward
---@return number
function call:wait(now) end

--- The time to sign the next attempt with.
---@param wall number    our clock, uncorrected
---@return number
function call:signing_time(wall) end

---@class dynamodb.RetryOutcome
---@field ok? boolean             success; nothing else is needed then but the times
---@field status? integer         HTTP status, if there was an answer
---@field code? string            the service's, or `Timeout`, `ConnectionError`, `ResponseError`, …
---@field sent? boolean           may it have arrived? true if there was an answer
---@field refreshed? boolean      the credentials were refused as expired, and there are others now
---@field retry_after? string     the header x-amz-retry-after (milliseconds)
---@field retry_after_s? string   the header Retry-After (seconds or a date)
---@field date? string            the header Date
---@field age? string             the header Age: nothing is learned from an old answer
---@field sent_at? number         our wall clock, uncorrected
---@field received_at? number

--- Tells how an attempt ended; says whether there is another one.
---@param outcome dynamodb.RetryOutcome
---@param now number          on the clock of `wait`
---@return "retry"|"done" verdict
---@return number? delay      seconds, for "retry"
---@return string reason      for "retry" the class of the failure (see `core.classify`); for "done" "success",
---                           "not_retryable", "max_attempts", "quota", "deadline" or "ambiguous"
---@return string? class      for "done"
function call:outcome(outcome, now) end

--- The same, without a table for a success: what the policy wants to know of an answer it reads from its head.
---@param failure? table          status, code and sent, as an error object has them; nil for a success
---@param now number
---@param head? string            the answer's, raw
---@param sent_at? number         our wall clock, uncorrected
---@param received_at? number
---@param refreshed? boolean
---@return "retry"|"done" verdict
---@return number? delay
---@return string reason
---@return string? class
function call:ended(failure, now, head, sent_at, received_at, refreshed) end

--- How many attempts have ended.
---@return integer
function call:attempts() end

--- How many there will be at most.
---@return integer
function call:max_attempts() end

--- May any attempt so far have been applied, although it failed?
---@return boolean
function call:ambiguous() end

--- What kind of failure it is. "clock_skew" and "expired" are worth another attempt only with the right time and with
--- other credentials.
---@param status? integer    nil without an answer
---@param code? string
---@param sent? boolean      may it have arrived?
---@return "throttling"|"transient"|"modelled"|"clock_skew"|"expired"|nil class    nil: another attempt cannot help
---@return boolean ambiguous    may it have been applied?
function core.classify(status, code, sent) end

---@class dynamodb.NativeTransactionOptions
---@field kind "write"|"get"
---@field token? string       of a write: 1 to 36 printable characters; a random UUID
---@field capacity? "TOTAL"|"INDEXES"|"NONE"
---@field limits? boolean     refuse what is surely over a quota of DynamoDB's; true
---@field options? userdata|dynamodb.ValueOptions
---@field strict? boolean     refuse a member that is one edit or a case away from a known one; true

--- A transaction: collects operations as bytes, gives the body of TransactWriteItems or TransactGetItems, and knows
--- what the answer's reasons are about. It sends nothing. Raises on wrong options.
---@param options dynamodb.NativeTransactionOptions
---@return dynamodb.NativeTransaction
function core.transaction(options) end

---@class dynamodb.NativeTransaction
--- Operations that are sent as one. An operation that is refused leaves the others as they are.
local transaction = {}

--- Adds an operation. Refused are a second one on the same item (the message has both positions), the 101st, an item
--- over 400 KB (the message names its largest attribute), more than 4 MB together, and any after `body`.
---@param operation "put"|"update"|"delete"|"check"|"get"
---@param params table    as DynamoDB's Put, Update, Delete, ConditionCheck and Get have them, with Lua's values
---@param keys? { partition: string, sort?: string }    of a put: without them it is not compared with other operations
---@return integer? number    of the operation, from 1
---@return string? message
function transaction:add(operation, params, keys) end

--- The request's body: from the first call on the same bytes, token and all. Refused are an empty transaction, and a
--- write more than 10 minutes after the first call: the service may have forgotten the token.
---@param now? number      seconds on a clock that only goes forward; a write needs it
---@return string? body
---@return string? message
function transaction:body(now) end

--- How much there is in it.
---@return integer operations
---@return integer bytes    of items and keys, as DynamoDB counts them
function transaction:count() end

--- What an operation is about.
---@param number integer
---@return { operation: string, table: string, key: table? }?
function transaction:operation(number) end

--- What a TransactionCanceledException says about each operation, in their order; "None" is an innocent one's code.
---@param answer table    decoded with the shape `(CancellationReasons [(Item i)])`
---@return { code: string, message: string?, item: table?, operation: string, table: string, key: table? }[]?
function transaction:reasons(answer) end

--- The idempotency token; nil for gets.
---@return string?
function transaction:token() end

--- Frees its memory; it cannot be used any more. The collector does the same.
function transaction:close() end

return core
