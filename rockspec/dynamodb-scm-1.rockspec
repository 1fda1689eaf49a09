rockspec_format = "3.0"
package = "dynamodb"
version = "scm-1"
source = {
  url = ".",    -- for `luarocks make` in a checkout; a release names its tarball
}
description = {
  summary = "DynamoDB for Lua at the speed of C",
  detailed = [[
A DynamoDB client for Lua 5.4, 5.3 and LuaJIT: lossless values, conditions and updates as tables, every operation of
the API. Signing, marshalling and HTTP are written in C.]],
  license = "MIT",
  labels = { "aws", "dynamodb", "database" },
}
dependencies = {
  "lua >= 5.1, < 5.5",    -- 5.1 is LuaJIT
  "lua-cjson",
}
-- Without `header` where Debian keeps it in a multiarch directory, which gcc searches and LuaRocks does not.
external_dependencies = {
  CRYPTO = { header = "openssl/evp.h", library = "crypto" },
  CURL = { library = "curl" },
  ZLIB = { header = "zlib.h", library = "z" },
}
build = {
  type = "builtin",
  -- The lists are written by `make rockspec` and compared with the tree by `make lint`.
  modules = {
    ["dynamodb.core"] = {
      sources = {
        "csrc/bind/batch.c",
        "csrc/bind/bytes.c",
        "csrc/bind/core.c",
        "csrc/bind/decode.c",
        "csrc/bind/encode.c",
        "csrc/bind/options.c",
        "csrc/bind/retry.c",
        "csrc/bind/shapes.c",
        "csrc/bind/signer.c",
        "csrc/bind/state.c",
        "csrc/bind/transaction.c",
        "csrc/bind/values.c",
        "csrc/engine/base64.c",
        "csrc/engine/batch.c",
        "csrc/engine/batch_entries.c",
        "csrc/engine/batch_outcome.c",
        "csrc/engine/batch_reply.c",
        "csrc/engine/batch_send.c",
        "csrc/engine/bucket.c",
        "csrc/engine/buffer.c",
        "csrc/engine/decimal.c",
        "csrc/engine/digest.c",
        "csrc/engine/item.c",
        "csrc/engine/json_scan.c",
        "csrc/engine/json_write.c",
        "csrc/engine/keymap.c",
        "csrc/engine/limiter.c",
        "csrc/engine/random.c",
        "csrc/engine/retry.c",
        "csrc/engine/shape.c",
        "csrc/engine/sigv4.c",
        "csrc/engine/skew.c",
        "csrc/engine/transaction.c",
        "csrc/engine/utf8.c",
      },
      incdirs = { "csrc", "$(CRYPTO_INCDIR)", "$(ZLIB_INCDIR)" },
      libdirs = { "$(CRYPTO_LIBDIR)", "$(ZLIB_LIBDIR)" },
      libraries = { "crypto", "z", "m" },
    },
    ["dynamodb.curl"] = {
      sources = {
        "csrc/curl/activity.c",
        "csrc/curl/curl.c",
        "csrc/curl/handle.c",
        "csrc/curl/headers.c",
        "csrc/curl/pool.c",
        "csrc/curl/transfer.c",
        "csrc/engine/buffer.c",
      },
      incdirs = { "csrc" },
      libdirs = { "$(CURL_LIBDIR)" },
      libraries = { "curl" },
    },
    ["dynamodb"] = "lua/dynamodb.lua",
    ["dynamodb.batch"] = "lua/dynamodb/batch.lua",
    ["dynamodb.client"] = "lua/dynamodb/client.lua",
    ["dynamodb.config"] = "lua/dynamodb/config.lua",
    ["dynamodb.credentials.callback"] = "lua/dynamodb/credentials/callback.lua",
    ["dynamodb.credentials.chain"] = "lua/dynamodb/credentials/chain.lua",
    ["dynamodb.credentials.environment"] = "lua/dynamodb/credentials/environment.lua",
    ["dynamodb.credentials.static"] = "lua/dynamodb/credentials/static.lua",
    ["dynamodb.endpoint"] = "lua/dynamodb/endpoint.lua",
    ["dynamodb.error"] = "lua/dynamodb/error.lua",
    ["dynamodb.expression"] = "lua/dynamodb/expression.lua",
    ["dynamodb.expression.condition"] = "lua/dynamodb/expression/condition.lua",
    ["dynamodb.expression.operators"] = "lua/dynamodb/expression/operators.lua",
    ["dynamodb.expression.path"] = "lua/dynamodb/expression/path.lua",
    ["dynamodb.expression.projection"] = "lua/dynamodb/expression/projection.lua",
    ["dynamodb.expression.update"] = "lua/dynamodb/expression/update.lua",
    ["dynamodb.hooks"] = "lua/dynamodb/hooks.lua",
    ["dynamodb.key"] = "lua/dynamodb/key.lua",
    ["dynamodb.model"] = "lua/dynamodb/model.lua",
    ["dynamodb.options"] = "lua/dynamodb/options.lua",
    ["dynamodb.parallel"] = "lua/dynamodb/parallel.lua",
    ["dynamodb.printable"] = "lua/dynamodb/printable.lua",
    ["dynamodb.repeat_safe"] = "lua/dynamodb/repeat_safe.lua",
    ["dynamodb.request"] = "lua/dynamodb/request.lua",
    ["dynamodb.response"] = "lua/dynamodb/response.lua",
    ["dynamodb.runtime.fake"] = "lua/dynamodb/runtime/fake.lua",
    ["dynamodb.runtime.plain"] = "lua/dynamodb/runtime/plain.lua",
    ["dynamodb.runtime.tasks"] = "lua/dynamodb/runtime/tasks.lua",
    ["dynamodb.runtime.timers"] = "lua/dynamodb/runtime/timers.lua",
    ["dynamodb.same_item"] = "lua/dynamodb/same_item.lua",
    ["dynamodb.schema"] = "lua/dynamodb/schema.lua",
    ["dynamodb.set"] = "lua/dynamodb/set.lua",
    ["dynamodb.table"] = "lua/dynamodb/table.lua",
    ["dynamodb.transaction"] = "lua/dynamodb/transaction.lua",
    ["dynamodb.usage"] = "lua/dynamodb/usage.lua",
    ["dynamodb.version"] = "lua/dynamodb/version.lua",
    ["dynamodb.versions"] = "lua/dynamodb/versions.lua",
    ["dynamodb.write"] = "lua/dynamodb/write.lua",
  },
}
