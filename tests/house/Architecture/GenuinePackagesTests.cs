using System.Text.Json;
using Btx.House.Tests.Launcher;

namespace Btx.House.Tests.Architecture;

/// <summary>One property swaps every stand-in for the genuine package: asked of MSBuild itself, without restoring anything.</summary>
public sealed class GenuinePackagesTests
{
    [Theory]
    [InlineData("trainer/Btx.Trainer.csproj")]
    [InlineData("exporter/Btx.Exporter.csproj")]
    [InlineData("server/engine/Btx.Engine.csproj")]
    [InlineData("server/host/Btx.Server.csproj")]
    public void A_project_references_stand_ins_or_genuine_packages_by_one_property(string project)
    {
        var swappable = Repository.References(project).Swappable;
        var (projects, packages) = Items(project, "true");
        foreach (var id in swappable) Assert.Contains(projects, p => p.EndsWith($"standins/{id}/{id}.csproj", StringComparison.Ordinal));
        Assert.DoesNotContain(packages, swappable.Contains);

        (projects, packages) = Items(project, "false");
        Assert.DoesNotContain(projects, p => p.Contains("standins/", StringComparison.Ordinal));
        foreach (var id in swappable) Assert.Contains(id, packages);
    }

    [Fact]
    public void The_image_is_built_with_genuine_packages_runs_without_root_and_says_whether_it_is_well()
    {
        var lines = Repository.Read("Dockerfile").Split('\n');
        Assert.Contains("ARG UseStandins=false", lines);
        var run = Array.FindIndex(lines, l => l.StartsWith("FROM nvidia/cuda:", StringComparison.Ordinal));
        Assert.True(run > 0);
        Assert.Contains(lines[run..], l => l.StartsWith("USER ", StringComparison.Ordinal) && l is not ("USER root" or "USER 0"));
        Assert.Contains(lines[run..], l => l.StartsWith("HEALTHCHECK ", StringComparison.Ordinal) && l.Contains("/health", StringComparison.Ordinal));
    }

    private static (string[] Projects, string[] Packages) Items(string project, string useStandins)
    {
        var (exit, output, error) = Shell.Run("dotnet", "msbuild", Path.Combine(Repository.Root, project), "-getItem:ProjectReference,PackageReference", $"-p:UseStandins={useStandins}");
        Assert.True(exit == 0, error + output);
        using var json = JsonDocument.Parse(output);
        string[] Of(string item) => [.. json.RootElement.GetProperty("Items").GetProperty(item).EnumerateArray().Select(e => e.GetProperty("Identity").GetString()!.Replace('\\', '/'))];
        return (Of("ProjectReference"), Of("PackageReference"));
    }
}
