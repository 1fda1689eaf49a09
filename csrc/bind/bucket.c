#include "bucket.h"

#include "../engine/bucket.h"

static Bucket *check_bucket (lua_State *L, int arg) {
  return state_check(L, arg, MT_BUCKET, "bucket");
}

/* A finite number that is not negative. */
static double check_units (lua_State *L, int arg) {
  double units = luaL_checknumber(L, arg);
  luaL_argcheck(L, units >= 0 && units <= 1e15, arg, "a number of units expected");
  return units;
}

static double check_now (lua_State *L, int arg) {
  double now = luaL_checknumber(L, arg);
  luaL_argcheck(L, isfinite(now), arg, "a time in seconds expected");
  return now;
}

/* core.bucket(rate, now) -> bucket */
static int bucket_new (lua_State *L) {
  double rate = luaL_checknumber(L, 1), now = check_now(L, 2);
  luaL_argcheck(L, rate > 0 && rate <= 1e12, 1, "a positive number of units a second expected");
  Bucket *b = lua_newuserdata(L, sizeof *b);
  bucket_init(b, rate, now);
  state_mark(L, MT_BUCKET);
  return 1;
}

/* bucket:wait(now) -> seconds until it is out of debt; 0 when a request may go */
static int wait (lua_State *L) {
  Bucket *b = check_bucket(L, 1);
  lua_pushnumber(L, bucket_wait(b, check_now(L, 2)));
  return 1;
}

/* bucket:charge(units): takes an estimate, which may leave a debt */
static int charge (lua_State *L) {
  Bucket *b = check_bucket(L, 1);
  bucket_charge(b, check_units(L, 2));
  return 0;
}

/* bucket:settle(charged, consumed): corrects a charge by what was reported */
static int settle (lua_State *L) {
  Bucket *b = check_bucket(L, 1);
  double charged = check_units(L, 2);
  bucket_settle(b, charged, check_units(L, 3));
  return 0;
}

void bucket_register (lua_State *L) {
  static const luaL_Reg methods[] = {{"charge", charge}, {"settle", settle}, {"wait", wait}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"bucket", bucket_new}, {NULL, NULL}};
  state_metatable(L, MT_BUCKET);
  lua_newtable(L);
  state_register(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  state_register(L, functions);
}
