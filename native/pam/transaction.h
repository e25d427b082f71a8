// One PAM transaction and the thread that all its modules run on.
#pragma once

#include "../system-error.h"
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <napi.h>
#include <optional>
#include <security/pam_appl.h>
#include <string>
#include <thread>
#include <vector>

namespace xos {

struct Message {
    int style;
    std::string text;
};

// The answers to a conversation, in the memory that libpam's caller will free: secrets have no other copy
// here.
class Responses {
  public:
    explicit Responses(size_t count);
    Responses(Responses &&other) noexcept;
    Responses &operator=(Responses &&other) noexcept;
    ~Responses();

    // `text` is from malloc; nullptr where no answer is wanted.
    void Set(size_t index, char *text, size_t length);
    bool Has(size_t index) const;
    pam_response *Release();

  private:
    void Clear();
    pam_response *responses_ = nullptr;
    std::vector<size_t> lengths_;
};

// What a call came to.
struct Outcome {
    int status = PAM_SUCCESS;
    std::string reason;
    std::optional<std::string> value;
    std::vector<std::string> list;
};

struct Command {
    // Runs on the transaction's thread.
    std::function<void(pam_handle_t *, Outcome &)> call;
    // Runs on JavaScript's thread.
    Napi::Value (*convert)(Napi::Env, const Outcome &);
    Napi::Promise::Deferred deferred;
    Outcome outcome;
};

class Transaction {
  public:
    struct Configuration {
        std::string service;
        std::optional<std::string> user;
        std::optional<std::string> confdir;
    };

    // `notify` is called on the transaction's thread when there is something for JavaScript's thread to take.
    Transaction(Configuration configuration, std::function<void()> notify);
    Transaction(const Transaction &) = delete;
    Transaction &operator=(const Transaction &) = delete;

    void Start();
    // The first command starts the transaction (pam_start).
    void Submit(std::unique_ptr<Command> command);
    void Abort();
    // No command follows; pam_end is called and the thread ends. `last` may be null.
    void Close(std::unique_ptr<Command> last);
    void Join();
    bool IsClosing();

    // For JavaScript's thread.
    std::deque<std::unique_ptr<Command>> TakeCompleted();
    struct Conversation {
        uint32_t id;
        std::vector<Message> messages;
    };
    // A conversation that was not taken yet.
    std::optional<Conversation> TakeConversation();
    // How many messages the conversation has, 0 when it is not waiting any more.
    size_t WaitingMessages(uint32_t id);
    // Nothing fails the conversation.
    void Answer(uint32_t id, std::optional<Responses> responses);
    bool IsFinished();

  private:
    static int Converse(int count, const pam_message **messages, pam_response **responses, void *self);
    int Ask(std::vector<Message> messages, pam_response **responses);
    void Run();
    void PamStart(Outcome &outcome);
    void PamEnd(Outcome &outcome);

    const Configuration configuration_;
    const std::function<void()> notify_;
    std::thread thread_;
    // Only on the transaction's thread.
    pam_conv conversation_{};
    pam_handle_t *handle_ = nullptr;
    bool started_ = false;
    int lastStatus_ = PAM_SUCCESS;

    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<std::unique_ptr<Command>> commands_;
    std::deque<std::unique_ptr<Command>> completed_;
    std::unique_ptr<Command> last_;
    bool closing_ = false;
    bool aborted_ = false;
    bool finished_ = false;
    uint32_t conversationId_ = 0;
    bool conversing_ = false;
    bool answered_ = false;
    // Not taken by JavaScript's thread yet.
    std::optional<std::vector<Message>> asked_;
    size_t askedCount_ = 0;
    std::optional<Responses> responses_;
};

} // namespace xos
