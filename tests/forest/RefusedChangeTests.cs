using System.Diagnostics;
using Btx.Engine;
using Btx.Engine.Tests.Fixtures;
using Btx.Fixtures;
using Btx.Model;
using Btx.Model.Forests;
using Btx.Model.Registry;
using static Btx.Forest.Tests.RegistryFixture;

namespace Btx.Forest.Tests;

/// <summary>What cannot be done is refused with one clear line, and the forest goes on as it was.</summary>
public sealed class RefusedChangeTests(ServedForest served)
{
    public static TheoryData<string, string> Additions { get; } = new()
    {
        { "outside", "lies outside the directories that experts may be added from" },
        { "dots", "has a \".\" or \"..\" part" },
        { "link", "passes through a symbolic link" },
        { "link in it", "passes through a symbolic link; replace it by a copy" },
        { "hard link", "is a hard link" },
        { "missing", "no such directory" },
        { "no directory", "no directory is named" },
        { "name", "expert name \"Not A Name\" is not 1-64 of" },
        { "taken", "expert \"alpha\" is in the forest already" },
        { "seed", "\"seed\" is reserved: every lineage calls the seed model so" },
        { "domain", "domain \"a/b\" is not 1-64 of" },
        { "hash form", "expected abc (as named)" },
        { "other hash", "as named); copy them again" },
        { "hash of its forest", "as its forest lists it); copy them again" },
        { "truncated", "model.safetensors" },
        { "not finite", "weights must be finite" },
        { "architecture", "has another architecture than the served forest" },
        { "tokenizer", "another tokenizer than the served forest's" },
        { "precision", "the served forest needs F32" },
        { "parent", "parent \"nobody\" is unknown" },
        { "parents", "sum to" },
        { "lineage", "its \"alpha\" has other weights than \"alpha\" here" },
        { "unlisted parent", "it does not say which weights its \"alpha\" has, and there is a \"alpha\" here" },
        { "expert as seed", "its \"seed\" is an expert, and \"seed\" here is the seed model" },
        { "sample domain", "no expert has that domain" },
        { "sample", "the sample text has 3 tokens" },
        { "author", "the author of a change is missing" },
        { "changes", "changed while the expert was being added" },
        { "replaced", "changed while the expert was being added" },
    };

    private static ExpertAddition Damage(string problem, RegistryFixture f)
    {
        var addition = f.Addition();
        var directory = addition.Directory;
        var weights = Path.Combine(directory, "model.safetensors");
        switch (problem)
        {
            case "outside": return addition with { Directory = Path.GetTempPath() };
            case "dots": return addition with { Directory = f.Others + "/experts/../experts/epsilon" };
            case "link":
                Directory.CreateSymbolicLink(Path.Combine(f.Others, "link"), directory);
                return addition with { Directory = "link" };
            case "link in it":
                File.Move(weights, Path.Combine(f.Others, "real"));
                File.CreateSymbolicLink(weights, Path.Combine(f.Others, "real"));
                return addition;
            case "hard link":
                using (var ln = Process.Start("ln", [weights, Path.Combine(f.Others, "second")])) ln.WaitForExit();
                return addition;
            case "missing": return addition with { Directory = "experts/none" };
            case "no directory": return addition with { Directory = " " };
            case "name": return addition with { Name = "Not A Name" };
            case "taken": return addition with { Name = "alpha" };
            case "seed": return addition with { Name = "seed" };
            case "domain": return addition with { Domain = "a/b" };
            case "hash form": return addition with { Sha256 = "abc" };
            case "other hash": return addition with { Sha256 = new string('0', 64) };
            case "hash of its forest": WriteLast(0.5f); return addition;
            case "truncated": using (var file = File.OpenWrite(weights)) file.SetLength(file.Length - 100); return addition;
            case "not finite": WriteLast(float.NaN); return addition with { Directory = Unlisted(f) };
            case "architecture":
                new TinyForest { Config = TinyForest.DefaultConfig with { IntermediateSize = 320 } }.WriteExpert(directory, 5);
                return addition;
            case "tokenizer":
                var path = Path.Combine(directory, "tokenizer.json");
                File.WriteAllText(path, File.ReadAllText(path).Replace("\"h e\"", "\"e h\"", StringComparison.Ordinal).Replace("\"he\"",
                    "\"eh\"", StringComparison.Ordinal));
                return addition;
            case "precision": new TinyForest { Dtype = Btx.Model.Tensors.TensorDtype.F16 }.WriteExpert(directory, 5); return addition;
            case "parent": return addition with { Parents = [new ParentEntry("nobody", 1)] };
            case "parents": return addition with { Parents = [new ParentEntry("alpha", 0.25)] };
            case "lineage": return Relist(m => m.With(m.Expert("epsilon") with { Parents = [new ParentEntry("alpha", 1)] }));
            case "unlisted parent":
                return Relist(m => m with { Experts = [m.Expert("epsilon") with { Parents = [new ParentEntry("alpha", 1)] }] });
            case "expert as seed":
                return Relist(m => m with
                {
                    Experts = [m.Expert("beta") with { Name = "seed" }, m.Expert("epsilon") with { Parents = [new ParentEntry("seed", 1)] }]
                });
            case "sample domain": return addition with { Samples = new Dictionary<string, string> { ["law"] = "the text" } };
            case "sample": return addition with { Samples = new Dictionary<string, string> { ["epsilon"] = "abc" } };
            case "author": return addition with { By = new ChangeAuthor(" ", "why") };
            case "changes":
                f.InjectFault = p => File.SetLastWriteTimeUtc(weights,
                    p == "begin:synced" ? DateTime.UtcNow.AddMinutes(-1) : File.GetLastWriteTimeUtc(weights));
                return addition;
            default:
                f.InjectFault = p =>
                {
                    if (p != "begin:synced") return;
                    File.Copy(weights, weights + ".new");
                    File.Move(weights + ".new", weights, overwrite: true);
                };
                return addition;
        }

        void WriteLast(float value)
        {
            using var file = File.OpenWrite(weights);
            file.Seek(-4, SeekOrigin.End);
            file.Write(BitConverter.GetBytes(value));
        }

        ExpertAddition Relist(Func<ForestManifest, ForestManifest> change)
        {
            change(ForestManifest.Load(f.Others)).Save(f.Others);
            return addition;
        }
    }

    // Beside its forest's list, so that no hash is expected.
    private static string Unlisted(RegistryFixture f)
    {
        Directory.Move(Path.Combine(f.Others, "experts", "epsilon"), Path.Combine(f.Others, "apart"));
        return "apart";
    }

    [Theory]
    [MemberData(nameof(Additions))]
    public async Task An_addition(string problem, string expected)
    {
        await using var f = new RegistryFixture(served);
        var before = f.Registry.State.Hash();
        var addition = Damage(problem, f);
        var e = await Assert.ThrowsAsync<BtxException>(() => f.Registry.ChangeAsync(addition));
        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
        Assert.Equal(problem == "missing" ? ErrorKind.Missing : ErrorKind.Precondition, e.Kind);
        Assert.DoesNotContain('\n', e.Message);
        f.InjectFault = null;
        Assert.Equal(before, f.Registry.State.Hash());
        Assert.Equal(3, f.Registry.Engine.Describe().Experts.Count);
        Assert.DoesNotContain(f.Registry.History, c => c.Outcome is ChangeOutcome.Open or ChangeOutcome.Committed);
        await f.Registry.ChangeAsync(new AverageCreation { By = Author, Name = "still", Domain = "beta" });
    }

    [Fact]
    public async Task Removals_and_averages()
    {
        await using var f = new RegistryFixture(served);
        async Task Refused(string expected, ErrorKind kind, Func<Task> change)
        {
            var e = await Assert.ThrowsAsync<BtxException>(change);
            Assert.Contains(expected, e.Message, StringComparison.Ordinal);
            Assert.Equal(kind, e.Kind);
        }

        await Refused("the last expert cannot be removed, add another first", ErrorKind.Precondition,
            () => f.Remove("alpha", "beta", "gamma"));
        await Refused("is named twice", ErrorKind.Precondition, () => f.Remove("alpha", "alpha"));
        await Refused("no expert \"zeta\" in the forest", ErrorKind.Missing, () => f.Remove("zeta"));
        await Refused("lineage policy \"all\" is unknown", ErrorKind.Precondition,
            () => f.Registry.ChangeAsync(Removal("beta") with { Lineage = "all" }));
        await Refused("the forest is at revision 0, not 7", ErrorKind.Conflict,
            () => f.Registry.ChangeAsync(Removal("beta") with { ExpectedRevision = 7 }));
        await Refused("the probe text has 0 tokens", ErrorKind.Precondition,
            () => f.Registry.ChangeAsync(Removal("beta") with { Probe = "" }));
        await Refused("there is no change to roll back", ErrorKind.Precondition,
            () => f.Registry.ChangeAsync(new Rollback { By = Author }));
        await Refused("no average \"none\"; there are none", ErrorKind.Missing,
            () => f.Registry.ChangeAsync(new AverageRemoval("none") { By = Author }));
        await Refused("one of the three", ErrorKind.Precondition,
            () => f.Registry.ChangeAsync(new AverageCreation { By = Author, Name = "a" }));
        await Refused("no cached prior of domain \"gamma\" is known", ErrorKind.Missing,
            () => f.Registry.ChangeAsync(new AverageCreation { By = Author, Name = "a", Domain = "gamma" }));
        await Refused("no expert \"zeta\"", ErrorKind.Missing, () => f.Registry.ChangeAsync(new AverageCreation
        { By = Author, Name = "a", Weights = new Dictionary<string, double> { ["zeta"] = 1 } }));
        await Refused("the sample text has 2 tokens", ErrorKind.Precondition,
            () => f.Registry.ChangeAsync(new AverageCreation { By = Author, Name = "a", Sample = "ab" }));
        await Refused("no change \"c000009\"", ErrorKind.Missing, () => Task.FromResult(f.Registry.Certificate("c000009")));
        await f.Remove("beta");
        await Refused("a removal is final", ErrorKind.Precondition, () => f.Registry.ChangeAsync(new Rollback { By = Author }));
        await f.Registry.ChangeAsync(new AverageCreation
        { By = Author, Name = "uni", Weights = new Dictionary<string, double> { ["alpha"] = 1 } });
        await Refused("average \"uni\" exists already", ErrorKind.Conflict,
            () => f.Registry.ChangeAsync(new AverageCreation { By = Author, Name = "uni", Domain = "alpha" }));
        await Refused("only a removal has a certificate", ErrorKind.Precondition, () => Task.FromResult(f.Registry.Certificate("c000002")));
    }

    [Fact]
    public async Task A_second_change_names_the_first_and_a_cascade_the_child_that_is_coming()
    {
        await using var f = new RegistryFixture(served);
        var reached = new TaskCompletionSource();
        using var go = new ManualResetEventSlim();
        f.InjectFault = p =>
        {
            if (p != "change:built") return;
            reached.SetResult();
            go.Wait(None);
        };
        var addition = f.Registry.ChangeAsync(f.Addition() with { Parents = [new ParentEntry("beta", 1)] });
        await reached.Task;
        var e = await Assert.ThrowsAsync<BtxException>(() => f.Remove("gamma"));
        Assert.Equal(("change c000001 (add by ada) is under way; wait until it has ended", ErrorKind.Conflict), (e.Message, e.Kind));
        e = await Assert.ThrowsAsync<BtxException>(() =>
            f.Registry.ChangeAsync(Removal("beta") with { Lineage = LineagePolicy.Cascade }));
        Assert.Contains("expert \"epsilon\", a descendant of \"beta\", is being added", e.Message, StringComparison.Ordinal);
        Assert.Throws<BtxException>(() => f.Registry.Plan(["beta"], LineagePolicy.Cascade));
        Assert.Equal(["beta"], f.Registry.Plan(["beta"], LineagePolicy.Only).Removed);
        f.InjectFault = null;
        go.Set();
        await addition;
        var removal = await f.Registry.ChangeAsync(Removal("beta") with { Lineage = LineagePolicy.Cascade });
        Assert.Equal(["beta", "epsilon"], removal.Certificate!.Removed.Select(r => r.Name));
    }
}
