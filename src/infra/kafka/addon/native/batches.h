// What the addon offers beside the package's own: see ../README.md, "Many messages at once".
#pragma once

#include <node_api.h>
#include <v8.h>

namespace batches {

// Adds the methods to the prototype of the addon's Producer. False where something is not as expected.
bool install(napi_env env, napi_value exports, v8::Local<v8::Object> target);

}  // namespace batches
