using System.Text;
using Btx.Model;
using Btx.Model.Tests;
using Btx.Server.Access;

namespace Btx.Server.Tests.Access;

[System.Runtime.Versioning.SupportedOSPlatform("linux")]
public sealed class ApiKeyFileTests : IDisposable
{
    private const UnixFileMode Owner = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private readonly KeyFiles _files = new();

    [Fact]
    public void A_key_is_read_as_it_was_made_and_its_secret_is_not_in_the_file()
    {
        var settings = KeyFiles.Plain with
        {
            Scopes = ["generate", "observe"],
            Expires = DateTimeOffset.UnixEpoch.AddYears(100),
            Modes = ["expert", "top_k"],
            Experts = ["law"],
            RequestsPerMinute = 60,
            TokensPerMinute = 1000,
            Concurrent = 2
        };
        var (id, token) = _files.Add(settings);
        Assert.Matches($"^btx_{id}_[0-9a-f]{{64}}$", token);
        var read = Assert.Single(ApiKeyFile.Read("--keys", _files.Keys));
        Assert.Equivalent(settings with { Id = id, Sha256 = Convert.ToHexStringLower(ApiKey.Hash(token.Split('_')[2])) }, read);
        Assert.DoesNotContain(token.Split('_')[2], File.ReadAllText(_files.Keys), StringComparison.Ordinal);
        Assert.Equal(Owner, File.GetUnixFileMode(_files.Keys));
    }

    [Fact]
    public void The_file_is_its_owners_alone_and_is_changed_by_one_at_a_time()
    {
        _files.Add("generate");
        foreach (var mode in new[] { UnixFileMode.GroupRead, UnixFileMode.OtherRead, UnixFileMode.GroupWrite, UnixFileMode.OtherWrite })
        {
            File.SetUnixFileMode(_files.Keys, Owner | mode);
            Assert.Contains("chmod 600", Assert.Throws<BtxException>(() => ApiKeyFile.Read("--keys", _files.Keys)).Message,
                StringComparison.Ordinal);
        }

        File.SetUnixFileMode(_files.Keys, Owner);
        using var other = new FileStream(_files["keys.json.lock"], FileMode.Open, FileAccess.ReadWrite, FileShare.None);
        Assert.Contains("another program", Assert.Throws<BtxException>(() => _files.Revoke("x")).Message, StringComparison.Ordinal);
        Assert.Contains("btx keys create",
            Assert.Throws<BtxException>(() => ApiKeyFile.Read("--keys", _files["none"])).Message, StringComparison.Ordinal);
    }

    /// <summary>A restriction that is misspelt is not to be a key without it.</summary>
    [Theory]
    [InlineData("\"scopes\"", "\"expert\": [\"law\"], \"scopes\"", "not a file of API keys")]
    [InlineData("[\"generate\"]", "[]", "scopes are not one or more of: generate, observe, admin")]
    [InlineData("[\"generate\"]", "[\"everything\"]", "scopes are not one or more of")]
    [InlineData("[\"generate\"]", "[null]", "scopes are not one or more of")]
    [InlineData("[\"generate\"]", "[\"generate\"], \"modes\": [\"all\"]", "modes are not one or more of: ensemble, top_k")]
    [InlineData("[\"generate\"]", "[\"generate\"], \"experts\": []", "experts is empty")]
    [InlineData("[\"generate\"]", "[\"generate\"], \"experts\": [null]", "experts is empty, or not all of them are names")]
    [InlineData("[\"generate\"]", "[\"generate\"], \"concurrent\": 0", "concurrent is 0; expected 1 or more")]
    [InlineData("[\"generate\"]", "[\"generate\"], \"scopes\": [\"admin\"]", "not a file of API keys")]
    [InlineData("\"keys\": [", "\"keys\": [null, ", "a key is null")]
    [InlineData("\"id\": \"", "\"id\": \"0", "id is not 12 hexadecimal digits")]
    [InlineData("\"sha256\": \"", "\"sha256\": \"0", "sha256 is not a SHA-256")]
    [InlineData("\"acme\"", "\"\"", "name is not 1 to 100 printable characters")]
    public void What_is_wrong_in_a_file_is_one_line(string what, string by, string message)
    {
        _files.Add("generate");
        var text = File.ReadAllText(_files.Keys).ReplaceLineEndings("").Replace("  ", "", StringComparison.Ordinal);
        Assert.Contains(what, text, StringComparison.Ordinal);
        Write(text.Replace(what, by, StringComparison.Ordinal));
        var failure = Assert.Throws<BtxException>(() => ApiKeyFile.Read("--keys", _files.Keys));
        Assert.Contains(message, failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', failure.Message);
    }

    [Fact]
    public void A_damaged_file_is_refused_in_one_line()
    {
        _files.Add(KeyFiles.Plain with { Experts = ["law"], Modes = ["expert"], Concurrent = 6, Expires = DateTimeOffset.UnixEpoch });
        _files.Add("observe");
        Mutations.Fuzz(File.ReadAllBytes(_files.Keys), 400, bytes =>
        {
            File.WriteAllBytes(_files.Keys, bytes);
            ApiKeyFile.Read("--keys", _files.Keys);
        });
    }

    [Theory]
    [InlineData("short", "holds no key")]
    [InlineData("", "holds no key")]
    [InlineData("0123456789abcdef with blanks", "holds no key")]
    [InlineData("0123456789abcdef\n0123456789abcdef", "holds no key")]
    [InlineData("0123456789abcdéf", "holds no key")]
    public void Bad_files_of_one_key(string text, string message)
    {
        Write(text);
        var failure = Assert.Throws<BtxException>(() => SecretFile.ReadKey("--admin-key-file", _files.Keys));
        Assert.Contains(message, failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', failure.Message);
        Assert.True(text.Length == 0 || !failure.Message.Contains(text, StringComparison.Ordinal));
    }

    [Fact]
    public void A_file_of_one_key_is_its_owners_alone()
    {
        const string Key = "0123456789abcdef0123456789abcdef";
        Write(Key + "\n");
        Assert.Equal(Key, SecretFile.ReadKey("--admin-key-file", _files.Keys));
        File.SetUnixFileMode(_files.Keys, Owner | UnixFileMode.GroupRead);
        Assert.Contains("chmod 600", Assert.Throws<BtxException>(() =>
            SecretFile.ReadKey("--admin-key-file", _files.Keys)).Message, StringComparison.Ordinal);
        Assert.Contains("cannot be read", Assert.Throws<BtxException>(() =>
            SecretFile.ReadKey("--admin-key-file", "/nowhere/key")).Message, StringComparison.Ordinal);
    }

    public void Dispose() => _files.Dispose();

    private void Write(string text)
    {
        File.WriteAllBytes(_files.Keys, Encoding.UTF8.GetBytes(text));
        File.SetUnixFileMode(_files.Keys, Owner);
    }
}
