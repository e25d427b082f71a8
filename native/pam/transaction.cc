#include "transaction.h"
#include <cstdlib>
#include <cstring>

namespace xos {

Responses::Responses(size_t count)
    : responses_(static_cast<pam_response *>(calloc(count, sizeof(pam_response)))), lengths_(count) {
    if (responses_ == nullptr)
        throw std::bad_alloc();
}

Responses::Responses(Responses &&other) noexcept
    : responses_(std::exchange(other.responses_, nullptr)), lengths_(std::move(other.lengths_)) {}

Responses &Responses::operator=(Responses &&other) noexcept {
    if (this != &other) {
        Clear();
        responses_ = std::exchange(other.responses_, nullptr);
        lengths_ = std::move(other.lengths_);
    }
    return *this;
}

Responses::~Responses() {
    Clear();
}

void Responses::Clear() {
    if (responses_ == nullptr)
        return;
    for (size_t index = 0; index < lengths_.size(); index++) {
        if (responses_[index].resp == nullptr)
            continue;
        explicit_bzero(responses_[index].resp, lengths_[index]);
        free(responses_[index].resp);
    }
    free(responses_);
    responses_ = nullptr;
}

void Responses::Set(size_t index, char *text, size_t length) {
    responses_[index].resp = text;
    lengths_[index] = length;
}

bool Responses::Has(size_t index) const {
    return responses_[index].resp != nullptr;
}

pam_response *Responses::Release() {
    return std::exchange(responses_, nullptr);
}

Transaction::Transaction(Configuration configuration, std::function<void()> notify)
    : configuration_(std::move(configuration)), notify_(std::move(notify)) {}

void Transaction::Start() {
    thread_ = std::thread([this] { Run(); });
}

void Transaction::Submit(std::unique_ptr<Command> command) {
    std::lock_guard lock(mutex_);
    commands_.push_back(std::move(command));
    wake_.notify_all();
}

void Transaction::Abort() {
    std::lock_guard lock(mutex_);
    aborted_ = true;
    wake_.notify_all();
}

void Transaction::Close(std::unique_ptr<Command> last) {
    std::lock_guard lock(mutex_);
    if (closing_)
        return;
    aborted_ = true;
    closing_ = true;
    last_ = std::move(last);
    wake_.notify_all();
}

void Transaction::Join() {
    if (thread_.joinable())
        thread_.join();
}

bool Transaction::IsClosing() {
    std::lock_guard lock(mutex_);
    return closing_;
}

bool Transaction::IsFinished() {
    std::lock_guard lock(mutex_);
    return finished_;
}

std::deque<std::unique_ptr<Command>> Transaction::TakeCompleted() {
    std::lock_guard lock(mutex_);
    return std::exchange(completed_, {});
}

std::optional<Transaction::Conversation> Transaction::TakeConversation() {
    std::lock_guard lock(mutex_);
    if (!asked_)
        return std::nullopt;
    Conversation conversation{conversationId_, std::move(*asked_)};
    asked_.reset();
    return conversation;
}

size_t Transaction::WaitingMessages(uint32_t id) {
    std::lock_guard lock(mutex_);
    return conversing_ && !answered_ && id == conversationId_ ? askedCount_ : 0;
}

void Transaction::Answer(uint32_t id, std::optional<Responses> responses) {
    std::lock_guard lock(mutex_);
    if (!conversing_ || answered_ || id != conversationId_)
        return;
    answered_ = true;
    responses_ = std::move(responses);
    wake_.notify_all();
}

void Transaction::Run() {
    std::unique_lock lock(mutex_);
    for (;;) {
        wake_.wait(lock, [this] { return !commands_.empty() || closing_; });
        if (commands_.empty())
            break;
        std::unique_ptr<Command> command = std::move(commands_.front());
        commands_.pop_front();
        lock.unlock();
        try {
            if (!started_)
                PamStart(command->outcome);
            else
                command->call(handle_, command->outcome);
        } catch (const std::bad_alloc &) {
            command->outcome.status = PAM_BUF_ERR;
        }
        if (command->outcome.status != PAM_SUCCESS) {
            lastStatus_ = command->outcome.status;
            command->outcome.reason = pam_strerror(handle_, lastStatus_);
        }
        lock.lock();
        completed_.push_back(std::move(command));
        notify_();
    }
    std::unique_ptr<Command> last = std::move(last_);
    lock.unlock();
    Outcome ignored;
    PamEnd(last != nullptr ? last->outcome : ignored);
    lock.lock();
    if (last != nullptr)
        completed_.push_back(std::move(last));
    finished_ = true;
    notify_();
}

void Transaction::PamStart(Outcome &outcome) {
    conversation_ = {Converse, this};
    const char *user = configuration_.user ? configuration_.user->c_str() : nullptr;
    if (configuration_.confdir)
        outcome.status = pam_start_confdir(configuration_.service.c_str(), user, &conversation_,
                                           configuration_.confdir->c_str(), &handle_);
    else
        outcome.status = pam_start(configuration_.service.c_str(), user, &conversation_, &handle_);
    started_ = true;
    // libpam may leave a handle behind that it says not to use.
    if (outcome.status != PAM_SUCCESS)
        handle_ = nullptr;
}

void Transaction::PamEnd(Outcome &outcome) {
    if (handle_ == nullptr)
        return;
    outcome.status = pam_end(handle_, lastStatus_);
    handle_ = nullptr;
    if (outcome.status != PAM_SUCCESS)
        outcome.reason = pam_strerror(nullptr, outcome.status);
}

int Transaction::Converse(int count, const pam_message **messages, pam_response **responses, void *self) {
    if (count <= 0 || count > PAM_MAX_NUM_MSG || messages == nullptr || responses == nullptr)
        return PAM_CONV_ERR;
    *responses = nullptr;
    try {
        std::vector<Message> copied;
        for (int index = 0; index < count; index++) {
            const pam_message *message = messages[index];
            if (message == nullptr || message->msg_style < PAM_PROMPT_ECHO_OFF ||
                message->msg_style > PAM_TEXT_INFO)
                return PAM_CONV_ERR;
            copied.push_back({message->msg_style, message->msg != nullptr ? message->msg : ""});
        }
        return static_cast<Transaction *>(self)->Ask(std::move(copied), responses);
    } catch (const std::bad_alloc &) {
        return PAM_BUF_ERR;
    }
}

int Transaction::Ask(std::vector<Message> messages, pam_response **responses) {
    std::unique_lock lock(mutex_);
    if (aborted_ || conversing_)
        return PAM_CONV_ERR;
    std::vector<bool> wanted;
    for (const Message &message : messages)
        wanted.push_back(message.style == PAM_PROMPT_ECHO_OFF || message.style == PAM_PROMPT_ECHO_ON);
    conversationId_++;
    conversing_ = true;
    answered_ = false;
    askedCount_ = messages.size();
    asked_ = std::move(messages);
    notify_();
    wake_.wait(lock, [this] { return answered_ || aborted_; });
    conversing_ = false;
    asked_.reset();
    std::optional<Responses> taken = std::exchange(responses_, std::nullopt);
    if (aborted_ || !taken)
        return PAM_CONV_ERR;
    for (size_t index = 0; index < wanted.size(); index++) {
        if (wanted[index] && !taken->Has(index))
            return PAM_CONV_ERR;
    }
    *responses = taken->Release();
    return PAM_SUCCESS;
}

} // namespace xos
