// passwd and group look-ups through the name service switch, on threads.
#include "../argument.h"
#include "../thread-work.h"
#include <functional>
#include <grp.h>
#include <pwd.h>

namespace xos {

constexpr size_t firstBufferBytes = 4096;
constexpr size_t mostBufferBytes = 1 << 20;
constexpr size_t mostNameBytes = 4096;
// NGROUPS_MAX (linux/limits.h)
constexpr int mostGroups = 65536;
constexpr int64_t mostId = std::numeric_limits<uint32_t>::max();

namespace {

struct Passwd {
    std::string name, password, gecos, home, shell;
    uid_t uid;
    gid_t gid;

    explicit Passwd(const passwd &entry);
    Napi::Value ToObject(Napi::Env env) const;
};

struct Group {
    std::string name, password;
    gid_t gid;
    std::vector<std::string> members;

    explicit Group(const group &entry);
    Napi::Value ToObject(Napi::Env env) const;
};

// A module may leave out what it does not know.
std::string OrEmpty(const char *text) {
    return text != nullptr ? text : "";
}

Passwd::Passwd(const passwd &entry)
    : name(OrEmpty(entry.pw_name)), password(OrEmpty(entry.pw_passwd)), gecos(OrEmpty(entry.pw_gecos)),
      home(OrEmpty(entry.pw_dir)), shell(OrEmpty(entry.pw_shell)), uid(entry.pw_uid), gid(entry.pw_gid) {}

Napi::Value Passwd::ToObject(Napi::Env env) const {
    Napi::Object object = Napi::Object::New(env);
    object.Set("name", Napi::String::New(env, name));
    object.Set("password", Napi::String::New(env, password));
    object.Set("uid", Napi::Number::New(env, uid));
    object.Set("gid", Napi::Number::New(env, gid));
    object.Set("gecos", Napi::String::New(env, gecos));
    object.Set("home", Napi::String::New(env, home));
    object.Set("shell", Napi::String::New(env, shell));
    return object;
}

Group::Group(const group &entry)
    : name(OrEmpty(entry.gr_name)), password(OrEmpty(entry.gr_passwd)), gid(entry.gr_gid) {
    for (char **member = entry.gr_mem; member != nullptr && *member != nullptr; member++)
        members.emplace_back(*member);
}

Napi::Value Group::ToObject(Napi::Env env) const {
    Napi::Object object = Napi::Object::New(env);
    object.Set("name", Napi::String::New(env, name));
    object.Set("password", Napi::String::New(env, password));
    object.Set("gid", Napi::Number::New(env, gid));
    Napi::Array array = Napi::Array::New(env, members.size());
    for (size_t index = 0; index < members.size(); index++)
        array.Set(static_cast<uint32_t>(index), Napi::String::New(env, members[index]));
    object.Set("members", array);
    return object;
}

// `Record` is passwd or group, `Copy` what it is copied into.
template <typename Record, typename Copy> class LookUpWork : public ThreadWork {
  public:
    using LookUp = std::function<int(Record *, char *, size_t, Record **)>;

    LookUpWork(const char *call, std::string subject, LookUp lookUp)
        : call_(call), subject_(std::move(subject)), lookUp_(std::move(lookUp)) {}

    void Execute(int) override {
        std::vector<char> buffer(firstBufferBytes);
        for (;;) {
            Record record{};
            Record *found = nullptr;
            errno = 0;
            int failed = lookUp_(&record, buffer.data(), buffer.size(), &found);
            // POSIX has it return the error; what interposes (nss_wrapper) returns -1 and sets errno.
            if (failed < 0)
                failed = errno;
            if (failed == EINTR)
                continue;
            if (failed == ERANGE && buffer.size() < mostBufferBytes) {
                buffer.resize(buffer.size() * 4);
                continue;
            }
            // getpwnam(3): some implementations say "not found" with an error.
            if (failed != 0 && failed != ENOENT && failed != ESRCH)
                throw SystemFailure(failed, call_, {}, Describe(failed) + (" looking up " + subject_));
            if (failed == 0 && found != nullptr)
                result_.emplace(*found);
            return;
        }
    }

    Napi::Value Result(Napi::Env env) override {
        return result_ ? result_->ToObject(env) : env.Null();
    }

  private:
    const char *call_;
    std::string subject_;
    LookUp lookUp_;
    std::optional<Copy> result_;
};

using PasswdWork = LookUpWork<passwd, Passwd>;
using GroupWork = LookUpWork<group, Group>;

class GroupListWork : public ThreadWork {
  public:
    GroupListWork(std::string user, gid_t gid) : user_(std::move(user)), gid_(gid) {}

    void Execute(int) override {
        groups_.resize(64);
        for (;;) {
            int count = static_cast<int>(groups_.size());
            if (getgrouplist(user_.c_str(), gid_, groups_.data(), &count) >= 0) {
                groups_.resize(static_cast<size_t>(count));
                return;
            }
            // `count` now says how many there are, unless memory was short: then it is unchanged.
            if (groups_.size() >= mostGroups)
                throw SystemFailure(ERANGE, "getgrouplist", {}, "more than 65,536 groups of " + user_);
            groups_.resize(
                std::min<size_t>(mostGroups, std::max(static_cast<size_t>(count), groups_.size() * 2)));
        }
    }

    Napi::Value Result(Napi::Env env) override {
        Napi::Array array = Napi::Array::New(env, groups_.size());
        for (size_t index = 0; index < groups_.size(); index++)
            array.Set(static_cast<uint32_t>(index), Napi::Number::New(env, groups_[index]));
        return array;
    }

  private:
    std::string user_;
    gid_t gid_;
    std::vector<gid_t> groups_;
};

} // namespace

static Napi::Value Submit(Napi::Env env, std::unique_ptr<ThreadWork> work) {
    return env.GetInstanceData<Threads>()->Submit(env, std::move(work));
}

static Napi::Value GetPwNam(const Napi::CallbackInfo &info) {
    std::string name = Text(info[0], "name", mostNameBytes);
    return Submit(info.Env(),
                  std::make_unique<PasswdWork>(
                      "getpwnam_r", name, [name](passwd *entry, char *buffer, size_t size, passwd **found) {
                          return getpwnam_r(name.c_str(), entry, buffer, size, found);
                      }));
}

static Napi::Value GetPwUid(const Napi::CallbackInfo &info) {
    auto uid = static_cast<uid_t>(Integer(info[0], "uid", 0, mostId));
    return Submit(info.Env(), std::make_unique<PasswdWork>(
                                  "getpwuid_r", std::to_string(uid),
                                  [uid](passwd *entry, char *buffer, size_t size, passwd **found) {
                                      return getpwuid_r(uid, entry, buffer, size, found);
                                  }));
}

static Napi::Value GetGrNam(const Napi::CallbackInfo &info) {
    std::string name = Text(info[0], "name", mostNameBytes);
    return Submit(info.Env(),
                  std::make_unique<GroupWork>("getgrnam_r", name,
                                              [name](group *entry, char *buffer, size_t size, group **found) {
                                                  return getgrnam_r(name.c_str(), entry, buffer, size, found);
                                              }));
}

static Napi::Value GetGrGid(const Napi::CallbackInfo &info) {
    auto gid = static_cast<gid_t>(Integer(info[0], "gid", 0, mostId));
    return Submit(info.Env(),
                  std::make_unique<GroupWork>("getgrgid_r", std::to_string(gid),
                                              [gid](group *entry, char *buffer, size_t size, group **found) {
                                                  return getgrgid_r(gid, entry, buffer, size, found);
                                              }));
}

static Napi::Value GetGroupList(const Napi::CallbackInfo &info) {
    std::string user = Text(info[0], "user", mostNameBytes);
    auto gid = static_cast<gid_t>(Integer(info[1], "gid", 0, mostId));
    return Submit(info.Env(), std::make_unique<GroupListWork>(std::move(user), gid));
}

} // namespace xos

static Napi::Object Initialize(Napi::Env env, Napi::Object exports) {
    using namespace xos;
    try {
        env.SetInstanceData(new Threads(env));
    } catch (const SystemFailure &failure) {
        throw ToError(env, failure);
    }
    Export<GetPwNam>(exports, "getpwnam");
    Export<GetPwUid>(exports, "getpwuid");
    Export<GetGrNam>(exports, "getgrnam");
    Export<GetGrGid>(exports, "getgrgid");
    Export<GetGroupList>(exports, "getgrouplist");
    return exports;
}

NODE_API_MODULE(nss, Initialize)
