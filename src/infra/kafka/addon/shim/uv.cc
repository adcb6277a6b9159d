// The libuv functions that the addon uses. Bun exports them all, but each as a function that ends the
// process with "unsupported uv function". Bun has no libuv loop: what must run on the JavaScript thread
// goes through Node-API, the rest is pthreads.
#include <pthread.h>
#include <signal.h>
#include <uv.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>

#include "shim.h"

namespace {

void check(napi_status status, const char* what) {
  if (status != napi_ok) shim::die(what);
}

napi_value name_of(napi_env env, const char* text) {
  napi_value name;
  check(napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &name), "cannot create a resource name");
  return name;
}

// ---- uv_async: wakes the JavaScript thread from any thread --------------------------------------------

struct Async {
  uv_async_t* handle;
  napi_threadsafe_function wake;
  // libuv promises only that the callback runs after the last send, so sends that come before it ran are
  // one. Without this librdkafka's threads would queue one task for every event.
  std::atomic<bool> pending{false};
};

Async*& state_of(uv_async_t* handle) { return reinterpret_cast<Async*&>(handle->u.reserved[0]); }

void run_async(napi_env env, napi_value, void* context, void*) {
  if (env == nullptr) return;  // the environment is going away
  Async* const async = static_cast<Async*>(context);
  // Cleared before the callback: a send during the callback must run it again.
  async->pending.store(false);
  uv_async_t* const handle = async->handle;
  // Closed in the meantime: libuv runs no callback after uv_close.
  if (handle->close_cb != nullptr) return;
  v8::HandleScope scope(v8::Isolate::GetCurrent());
  handle->async_cb(handle);
}

void finish_async(napi_env, void* data, void*) {
  Async* const async = static_cast<Async*>(data);
  uv_async_t* const handle = async->handle;
  const uv_close_cb closed = handle->close_cb;
  delete async;
  // The callback frees the handle. It is missing only when the process ends with the handle open.
  if (closed != nullptr) closed(reinterpret_cast<uv_handle_t*>(handle));
}

// ---- uv_queue_work: runs a blocking call on another thread --------------------------------------------

// Not Node-API's async work: that runs on Bun's own pool, which has as many threads as the machine has cores
// and also reads files, compresses and resolves names. Two consumers that wait for messages on two cores
// would leave none for anything else. So the addon gets threads of its own, as it has in Node.
constexpr size_t kThreads = 8;

struct Work {
  uv_work_t* request;
  // Keeps the process alive until the callback ran, as a request in libuv does.
  napi_threadsafe_function done;
};

struct Pool {
  std::mutex lock;
  std::condition_variable filled;
  std::deque<Work*> queue;
  size_t threads = 0;
  size_t idle = 0;
};

// Never destroyed: its threads may still wait when the process ends.
Pool& pool() {
  static Pool* const instance = new Pool;
  return *instance;
}

void* serve(void*) {
  Pool& own = pool();
  std::unique_lock<std::mutex> hold(own.lock);
  for (;;) {
    own.idle++;
    own.filled.wait(hold, [&own] { return !own.queue.empty(); });
    own.idle--;
    Work* const work = own.queue.front();
    own.queue.pop_front();
    hold.unlock();
    // Once called, `work` may be gone at any time.
    const napi_threadsafe_function done = work->done;
    work->request->work_cb(work->request);
    napi_call_threadsafe_function(done, nullptr, napi_tsfn_blocking);
    napi_release_threadsafe_function(done, napi_tsfn_release);
    hold.lock();
  }
}

void start_server() {
  // A signal is for the JavaScript thread.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  if (pthread_create(&thread, nullptr, serve, nullptr) != 0) shim::die("cannot start a thread");
  pthread_detach(thread);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void finish_work(napi_env env, napi_value, void* context, void*) {
  if (env == nullptr) return;  // the environment is going away
  uv_work_t* const request = static_cast<Work*>(context)->request;
  v8::HandleScope scope(v8::Isolate::GetCurrent());
  request->after_work_cb(request, 0);
}

void free_work(napi_env, void* data, void*) { delete static_cast<Work*>(data); }

// ---- uv_thread ----------------------------------------------------------------------------------------

struct Entry {
  uv_thread_cb run;
  void* argument;
};

void* start_thread(void* data) {
  const Entry entry = *static_cast<Entry*>(data);
  delete static_cast<Entry*>(data);
  entry.run(entry.argument);
  return nullptr;
}

}  // namespace

extern "C" {

// Nothing reads the loop: the addon only passes it on to the functions below.
uv_loop_t* uv_default_loop() {
  static uv_loop_t loop;
  return &loop;
}

int uv_async_init(uv_loop_t* loop, uv_async_t* handle, uv_async_cb callback) {
  const napi_env env = shim::environment();
  Async* const async = new Async{handle, nullptr};
  handle->loop = loop;
  handle->type = UV_ASYNC;
  handle->async_cb = callback;
  handle->close_cb = nullptr;
  state_of(handle) = async;
  check(napi_create_threadsafe_function(env, nullptr, nullptr, name_of(env, "kafka"), 0, 1, async,
                                        finish_async, async, run_async, &async->wake),
        "cannot create a thread-safe function");
  return 0;
}

int uv_async_send(uv_async_t* handle) {
  Async* const async = state_of(handle);
  if (async->pending.exchange(true)) return 0;
  const napi_status status = napi_call_threadsafe_function(async->wake, nullptr, napi_tsfn_nonblocking);
  return status == napi_ok ? 0 : UV_EINVAL;
}

// The addon closes nothing but async handles.
void uv_close(uv_handle_t* handle, uv_close_cb callback) {
  if (handle->type != UV_ASYNC) shim::die("uv_close of a handle that is no uv_async_t");
  handle->close_cb = callback;
  Async* const async = state_of(reinterpret_cast<uv_async_t*>(handle));
  check(napi_release_threadsafe_function(async->wake, napi_tsfn_abort),
        "cannot release a thread-safe function");
}

int uv_queue_work(uv_loop_t* loop, uv_work_t* request, uv_work_cb run, uv_after_work_cb done) {
  const napi_env env = shim::environment();
  request->loop = loop;
  request->type = UV_WORK;
  request->work_cb = run;
  request->after_work_cb = done;
  Work* const work = new Work{request, nullptr};
  check(napi_create_threadsafe_function(env, nullptr, nullptr, name_of(env, "kafka"), 0, 1, work, free_work,
                                        work, finish_work, &work->done),
        "cannot create a thread-safe function");
  Pool& own = pool();
  const std::lock_guard<std::mutex> hold(own.lock);
  own.queue.push_back(work);
  if (own.queue.size() > own.idle && own.threads < kThreads) {
    own.threads++;
    start_server();
  }
  own.filled.notify_one();
  return 0;
}

int uv_thread_create(uv_thread_t* thread, uv_thread_cb run, void* argument) {
  Entry* const entry = new Entry{run, argument};
  const int error = pthread_create(thread, nullptr, start_thread, entry);
  if (error != 0) delete entry;
  return -error;
}
int uv_thread_join(uv_thread_t* thread) { return -pthread_join(*thread, nullptr); }

// On Linux libuv's locks are the pthread types themselves.
int uv_mutex_init(uv_mutex_t* lock) { return -pthread_mutex_init(lock, nullptr); }
void uv_mutex_destroy(uv_mutex_t* lock) { pthread_mutex_destroy(lock); }
void uv_mutex_lock(uv_mutex_t* lock) {
  if (pthread_mutex_lock(lock) != 0) shim::die("cannot lock a mutex");
}
void uv_mutex_unlock(uv_mutex_t* lock) { pthread_mutex_unlock(lock); }

int uv_rwlock_init(uv_rwlock_t* lock) { return -pthread_rwlock_init(lock, nullptr); }
void uv_rwlock_destroy(uv_rwlock_t* lock) { pthread_rwlock_destroy(lock); }
void uv_rwlock_rdlock(uv_rwlock_t* lock) {
  if (pthread_rwlock_rdlock(lock) != 0) shim::die("cannot take a read lock");
}
void uv_rwlock_rdunlock(uv_rwlock_t* lock) { pthread_rwlock_unlock(lock); }
void uv_rwlock_wrlock(uv_rwlock_t* lock) {
  if (pthread_rwlock_wrlock(lock) != 0) shim::die("cannot take a write lock");
}
void uv_rwlock_wrunlock(uv_rwlock_t* lock) { pthread_rwlock_unlock(lock); }

}  // extern "C"
