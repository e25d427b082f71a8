// The JavaScript side of a PAM transaction.
#include "../argument.h"
#include "transaction.h"
#include <cstdlib>
#include <cstring>
#include <system_error>

namespace xos {

constexpr size_t mostNameBytes = 4096;
constexpr size_t mostItemBytes = 65536;
constexpr size_t mostAssignmentBytes = 131072;
constexpr size_t mostAnswerBytes = 1 << 20;

static const char conversationProperty[] = "onConversation";

static std::optional<std::string> OptionalText(Napi::Value value, const char *name, size_t mostBytes) {
    if (value.IsNull())
        return std::nullopt;
    return Text(value, name, mostBytes);
}

static Napi::Object OutcomeObject(Napi::Env env, const Outcome &outcome) {
    Napi::Object object = Napi::Object::New(env);
    object.Set("status", Napi::Number::New(env, outcome.status));
    object.Set("reason", Napi::String::New(env, outcome.reason));
    return object;
}

static Napi::Value ConvertOutcome(Napi::Env env, const Outcome &outcome) {
    return OutcomeObject(env, outcome);
}

static Napi::Value ConvertItem(Napi::Env env, const Outcome &outcome) {
    Napi::Object object = OutcomeObject(env, outcome);
    object.Set("value", outcome.value ? Napi::Value(Napi::String::New(env, *outcome.value)) : env.Null());
    return object;
}

static Napi::Value ConvertList(Napi::Env env, const Outcome &outcome) {
    Napi::Array array = Napi::Array::New(env, outcome.list.size());
    for (size_t index = 0; index < outcome.list.size(); index++)
        array.Set(static_cast<uint32_t>(index), Napi::String::New(env, outcome.list[index]));
    Napi::Object object = OutcomeObject(env, outcome);
    object.Set("list", array);
    return object;
}

namespace {

class TransactionObject;

// Lives until the thread-safe function is gone, beyond the JavaScript object.
struct Link {
    std::unique_ptr<Transaction> transaction;
    napi_threadsafe_function notify = nullptr;
    // Null once the JavaScript object was collected.
    TransactionObject *object = nullptr;
    bool joined = false;
};

class TransactionObject : public Napi::ObjectWrap<TransactionObject> {
  public:
    explicit TransactionObject(const Napi::CallbackInfo &info);
    ~TransactionObject() override;

    static Napi::Function Define(Napi::Env env);

  private:
    Napi::Value Start(const Napi::CallbackInfo &info);
    Napi::Value RunCall(const Napi::CallbackInfo &info);
    Napi::Value GetItem(const Napi::CallbackInfo &info);
    Napi::Value SetItem(const Napi::CallbackInfo &info);
    Napi::Value GetEnvironment(const Napi::CallbackInfo &info);
    Napi::Value PutEnvironment(const Napi::CallbackInfo &info);
    Napi::Value Answer(const Napi::CallbackInfo &info);
    Napi::Value Abort(const Napi::CallbackInfo &info);
    Napi::Value End(const Napi::CallbackInfo &info);

    Napi::Value Submit(Napi::Env env, std::function<void(pam_handle_t *, Outcome &)> call,
                       Napi::Value (*convert)(Napi::Env, const Outcome &) = ConvertOutcome);
    void Pend(Napi::Env env);
    void Settle(Napi::Env env, Command &command);
    void Deliver(Napi::Env env, const Transaction::Conversation &conversation);
    static void Drain(napi_env env, napi_value, void *context, void *);
    static void Shutdown(void *link);

    Link *link_ = nullptr;
    // Commands whose promise is pending: they keep this object and the event loop alive.
    size_t pending_ = 0;
    bool ended_ = false;
};

} // namespace

// The environment goes away, and the link with it, before the object.
void TransactionObject::Shutdown(void *context) {
    auto *link = static_cast<Link *>(context);
    link->transaction->Close(nullptr);
    link->transaction->Join();
    link->joined = true;
    if (link->object != nullptr)
        link->object->link_ = nullptr;
}

TransactionObject::TransactionObject(const Napi::CallbackInfo &info)
    : Napi::ObjectWrap<TransactionObject>(info) {
    Napi::Env env = info.Env();
    Transaction::Configuration configuration{Text(info[0], "service", mostNameBytes),
                                             OptionalText(info[1], "user", mostItemBytes),
                                             OptionalText(info[2], "confdir", mostNameBytes)};
    if (configuration.service.empty())
        throw Napi::RangeError::New(env, "service must not be empty");
    if (!info[3].IsFunction())
        throw Napi::TypeError::New(env, "onConversation must be a function");
    // Held by the object itself and not from here, so that a forgotten transaction can be collected.
    info.This().As<Napi::Object>().DefineProperty(
        Napi::PropertyDescriptor::Value(conversationProperty, info[3], napi_default));

    auto link = std::make_unique<Link>();
    Link *raw = link.get();
    link->transaction = std::make_unique<Transaction>(std::move(configuration), [raw] {
        napi_call_threadsafe_function(raw->notify, nullptr, napi_tsfn_nonblocking);
    });
    Napi::String name = Napi::String::New(env, "xtreemos:pam");
    NAPI_THROW_IF_FAILED_VOID(env, napi_create_threadsafe_function(
                                       env, nullptr, nullptr, name, 0, 1, raw,
                                       [](napi_env, void *data, void *) { delete static_cast<Link *>(data); },
                                       raw, Drain, &raw->notify));
    link.release();
    napi_unref_threadsafe_function(env, raw->notify);
    try {
        raw->transaction->Start();
    } catch (const std::system_error &error) {
        napi_release_threadsafe_function(raw->notify, napi_tsfn_release);
        throw ToError(env, SystemFailure(error.code().value(), "pthread_create"));
    }
    raw->object = this;
    link_ = raw;
    // Runs before the thread-safe function's own hook: hooks run in reverse order.
    napi_add_env_cleanup_hook(env, Shutdown, raw);
}

TransactionObject::~TransactionObject() {
    if (link_ == nullptr)
        return;
    link_->object = nullptr;
    if (!link_->joined)
        link_->transaction->Close(nullptr);
}

void TransactionObject::Drain(napi_env environment, napi_value, void *context, void *) {
    auto *link = static_cast<Link *>(context);
    if (environment == nullptr || link->joined)
        return;
    Napi::Env env(environment);
    std::deque<std::unique_ptr<Command>> completed = link->transaction->TakeCompleted();
    bool finished = link->transaction->IsFinished();
    std::optional<Transaction::Conversation> conversation = link->transaction->TakeConversation();
    // Commands keep the object: without it there are none.
    TransactionObject *object = link->object;
    if (finished) {
        link->transaction->Join();
        link->joined = true;
        if (object != nullptr)
            object->link_ = nullptr;
        napi_remove_env_cleanup_hook(env, Shutdown, link);
        napi_release_threadsafe_function(link->notify, napi_tsfn_release);
    }
    if (object == nullptr)
        return;
    for (auto &command : completed)
        object->Settle(env, *command);
    if (conversation && !finished)
        object->Deliver(env, *conversation);
}

void TransactionObject::Pend(Napi::Env env) {
    if (pending_++ > 0)
        return;
    Ref();
    napi_ref_threadsafe_function(env, link_->notify);
}

void TransactionObject::Settle(Napi::Env env, Command &command) {
    Napi::HandleScope scope(env);
    try {
        try {
            command.deferred.Resolve(command.convert(env, command.outcome));
        } catch (const Napi::Error &error) {
            command.deferred.Reject(error.Value());
        }
    } catch (const Napi::Error &) {
        // A worker that is being stopped makes no objects any more, and nobody is left to be told.
    }
    if (--pending_ > 0)
        return;
    if (link_ != nullptr)
        napi_unref_threadsafe_function(env, link_->notify);
    Unref();
}

void TransactionObject::Deliver(Napi::Env env, const Transaction::Conversation &conversation) {
    Napi::HandleScope scope(env);
    try {
        Napi::Array messages = Napi::Array::New(env, conversation.messages.size());
        for (size_t index = 0; index < conversation.messages.size(); index++) {
            Napi::Array pair = Napi::Array::New(env, 2);
            pair.Set(0u, Napi::Number::New(env, conversation.messages[index].style));
            pair.Set(1u, Napi::String::New(env, conversation.messages[index].text));
            messages.Set(static_cast<uint32_t>(index), pair);
        }
        Value()
            .Get(conversationProperty)
            .As<Napi::Function>()
            .Call({Napi::Number::New(env, conversation.id), messages});
    } catch (const Napi::Error &) {
        link_->transaction->Answer(conversation.id, std::nullopt);
    }
}

Napi::Value TransactionObject::Submit(Napi::Env env, std::function<void(pam_handle_t *, Outcome &)> call,
                                      Napi::Value (*convert)(Napi::Env, const Outcome &)) {
    if (link_ == nullptr || ended_)
        throw Napi::Error::New(env, "the PAM transaction has ended");
    auto command =
        std::make_unique<Command>(Command{[call = std::move(call)](pam_handle_t *handle, Outcome &outcome) {
                                              // pam_start failed.
                                              if (handle == nullptr)
                                                  outcome.status = PAM_SYSTEM_ERR;
                                              else
                                                  call(handle, outcome);
                                          },
                                          convert, Napi::Promise::Deferred::New(env), Outcome{}});
    Napi::Promise promise = command->deferred.Promise();
    Pend(env);
    link_->transaction->Submit(std::move(command));
    return promise;
}

Napi::Value TransactionObject::Start(const Napi::CallbackInfo &info) {
    return Submit(info.Env(), [](pam_handle_t *, Outcome &) {});
}

Napi::Value TransactionObject::RunCall(const Napi::CallbackInfo &info) {
    using Call = int (*)(pam_handle_t *, int);
    static constexpr Call calls[] = {pam_authenticate, pam_acct_mgmt,     pam_setcred,
                                     pam_open_session, pam_close_session, pam_chauthtok};
    Call call = calls[Integer(info[0], "call", 0, std::size(calls) - 1)];
    int flags = static_cast<int>(Integer(info[1], "flags", 0, std::numeric_limits<int>::max()));
    return Submit(info.Env(), [call, flags](pam_handle_t *handle, Outcome &outcome) {
        outcome.status = call(handle, flags);
    });
}

// The items that are strings; the others are structures, functions or passwords.
static int ItemArgument(Napi::Value value) {
    int item = static_cast<int>(Integer(value, "item", 0, 32));
    switch (item) {
    case PAM_SERVICE:
    case PAM_USER:
    case PAM_TTY:
    case PAM_RHOST:
    case PAM_RUSER:
    case PAM_USER_PROMPT:
        return item;
    default:
        throw Napi::RangeError::New(value.Env(), "item is not one that can be used");
    }
}

Napi::Value TransactionObject::GetItem(const Napi::CallbackInfo &info) {
    int item = ItemArgument(info[0]);
    return Submit(
        info.Env(),
        [item](pam_handle_t *handle, Outcome &outcome) {
            const void *value = nullptr;
            outcome.status = pam_get_item(handle, item, &value);
            if (outcome.status == PAM_SUCCESS && value != nullptr)
                outcome.value = static_cast<const char *>(value);
        },
        ConvertItem);
}

Napi::Value TransactionObject::SetItem(const Napi::CallbackInfo &info) {
    int item = ItemArgument(info[0]);
    std::optional<std::string> value = OptionalText(info[1], "value", mostItemBytes);
    return Submit(info.Env(), [item, value](pam_handle_t *handle, Outcome &outcome) {
        outcome.status = pam_set_item(handle, item, value ? value->c_str() : nullptr);
    });
}

Napi::Value TransactionObject::GetEnvironment(const Napi::CallbackInfo &info) {
    return Submit(
        info.Env(),
        [](pam_handle_t *handle, Outcome &outcome) {
            char **list = pam_getenvlist(handle);
            if (list == nullptr)
                outcome.status = PAM_BUF_ERR;
            for (char **entry = list; entry != nullptr && *entry != nullptr; entry++) {
                outcome.list.emplace_back(*entry);
                free(*entry);
            }
            free(list);
        },
        ConvertList);
}

Napi::Value TransactionObject::PutEnvironment(const Napi::CallbackInfo &info) {
    std::string assignment = Text(info[0], "variable", mostAssignmentBytes);
    return Submit(info.Env(), [assignment](pam_handle_t *handle, Outcome &outcome) {
        outcome.status = pam_putenv(handle, assignment.c_str());
    });
}

Napi::Value TransactionObject::Answer(const Napi::CallbackInfo &info) {
    Napi::Env env = info.Env();
    auto id =
        static_cast<uint32_t>(Integer(info[0], "conversation", 0, std::numeric_limits<uint32_t>::max()));
    if (info[1].IsNull()) {
        if (link_ != nullptr)
            link_->transaction->Answer(id, std::nullopt);
        return env.Undefined();
    }
    if (!info[1].IsArray())
        throw Napi::TypeError::New(env, "responses must be an array or null");
    size_t count = link_ != nullptr ? link_->transaction->WaitingMessages(id) : 0;
    if (count == 0)
        return env.Undefined();
    auto array = info[1].As<Napi::Array>();
    if (array.Length() != count)
        throw Napi::RangeError::New(env, "there must be as many responses as messages");
    Responses responses(count);
    for (size_t index = 0; index < count; index++) {
        Napi::Value value = array.Get(static_cast<uint32_t>(index));
        if (value.IsNull())
            continue;
        if (!value.IsString())
            throw Napi::TypeError::New(env, "a response must be a string or null");
        size_t length = 0;
        NAPI_THROW_IF_FAILED(env, napi_get_value_string_utf8(env, value, nullptr, 0, &length),
                             env.Undefined());
        if (length > mostAnswerBytes)
            throw Napi::RangeError::New(env, "a response must have at most 1 MiB");
        auto *text = static_cast<char *>(malloc(length + 1));
        if (text == nullptr)
            throw Napi::Error::New(env, "out of memory");
        responses.Set(index, text, length + 1);
        NAPI_THROW_IF_FAILED(env, napi_get_value_string_utf8(env, value, text, length + 1, &length),
                             env.Undefined());
        if (memchr(text, '\0', length) != nullptr)
            throw Napi::RangeError::New(env, "a response must not contain NUL");
    }
    // A getter of the array may have ended the transaction.
    if (link_ != nullptr)
        link_->transaction->Answer(id, std::move(responses));
    return env.Undefined();
}

Napi::Value TransactionObject::Abort(const Napi::CallbackInfo &info) {
    if (link_ != nullptr)
        link_->transaction->Abort();
    return info.Env().Undefined();
}

Napi::Value TransactionObject::End(const Napi::CallbackInfo &info) {
    Napi::Env env = info.Env();
    auto deferred = Napi::Promise::Deferred::New(env);
    Napi::Promise promise = deferred.Promise();
    if (link_ == nullptr || ended_) {
        deferred.Resolve(OutcomeObject(env, Outcome{}));
        return promise;
    }
    ended_ = true;
    Pend(env);
    link_->transaction->Close(
        std::make_unique<Command>(Command{nullptr, ConvertOutcome, std::move(deferred), Outcome{}}));
    return promise;
}

Napi::Function TransactionObject::Define(Napi::Env env) {
    return DefineClass(env, "NativeTransaction",
                       {InstanceMethod<&TransactionObject::Start>("start"),
                        InstanceMethod<&TransactionObject::RunCall>("run"),
                        InstanceMethod<&TransactionObject::GetItem>("getItem"),
                        InstanceMethod<&TransactionObject::SetItem>("setItem"),
                        InstanceMethod<&TransactionObject::GetEnvironment>("getEnvironment"),
                        InstanceMethod<&TransactionObject::PutEnvironment>("putEnvironment"),
                        InstanceMethod<&TransactionObject::Answer>("answer"),
                        InstanceMethod<&TransactionObject::Abort>("abort"),
                        InstanceMethod<&TransactionObject::End>("end")});
}

} // namespace xos

static Napi::Object Initialize(Napi::Env env, Napi::Object exports) {
    exports.Set("Transaction", xos::TransactionObject::Define(env));
    return exports;
}

NODE_API_MODULE(pam, Initialize)
