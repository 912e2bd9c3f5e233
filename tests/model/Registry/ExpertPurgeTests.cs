using Btx.Model.Registry;

namespace Btx.Model.Tests.Registry;

public sealed class ExpertPurgeTests
{
    [Fact]
    public void A_purge_that_could_not_be_done_is_refused_before_it_is_begun()
    {
        const string Kernel = "/proc/self/fdinfo"; // not even root makes files there
        Assert.Equal($"--purge could not delete {Kernel}: {Kernel} cannot be written by the server; let it, or remove without --purge",
            Assert.Throws<BtxException>(() => ExpertPurge.RequireDeletable(Kernel)).Message);
    }

    [Fact]
    public void Trying_leaves_nothing_and_what_is_gone_already_is_no_obstacle()
    {
        using var directory = new TemporaryDirectory();
        Directory.CreateDirectory(directory["a"]);
        File.WriteAllText(directory["a/weights"], "w");
        ExpertPurge.RequireDeletable(directory["a"]);
        ExpertPurge.RequireDeletable(directory["gone"]);
        Assert.Equal([directory["a"], directory["a/weights"]],
            Directory.EnumerateFileSystemEntries(directory.Path, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal));
    }
}
