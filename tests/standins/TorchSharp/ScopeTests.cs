using TorchSharp;
using static TorchSharp.torch;

namespace Btx.Standins.Tests.TorchSharpPackage;

/// <summary>Dispose scopes: what lives, what ends.</summary>
public sealed class ScopeTests
{
    [Fact]
    public void A_scope_disposes_what_was_made_in_it()
    {
        Tensor inside;
        using (var scope = NewDisposeScope())
        {
            inside = zeros([2]);
            _ = inside + 1;
            Assert.Equal(2, scope.DisposablesCount);
        }

        Assert.True(inside.IsInvalid);
    }

    [Fact]
    public void Moved_and_detached_tensors_outlive_their_scope()
    {
        Tensor moved, detached;
        using (var outer = NewDisposeScope())
        {
            using (NewDisposeScope())
            {
                moved = zeros([2]).MoveToOuterDisposeScope();
                detached = zeros([2]).DetachFromDisposeScope();
            }

            Assert.False(moved.IsInvalid);
            Assert.Equal(1, outer.DisposablesCount);
        }

        Assert.True(moved.IsInvalid);
        Assert.False(detached.IsInvalid);
        detached.Dispose();
    }

    [Fact]
    public void An_aliased_tensor_survives_its_first_handle()
    {
        Tensor alias;
        using (var original = ones([3])) alias = original.alias();
        using (var sum = alias.sum()) Assert.Equal(3f, sum.item<float>());
        alias.Dispose();
    }

    [Fact]
    public void Disposing_everything_but_one_keeps_it()
    {
        using var scope = NewDisposeScope();
        var kept = zeros([1]);
        var dropped = zeros([1]);
        scope.DisposeEverythingBut(kept);
        Assert.False(kept.IsInvalid);
        Assert.True(dropped.IsInvalid);
    }

    [Fact]
    public void Scopes_belong_to_their_thread()
    {
        using var scope = NewDisposeScope();
        Tensor? other = null;
        var thread = new Thread(() => other = zeros([1])); // a task could run on this very thread
        thread.Start();
        thread.Join();
        Assert.False(scope.Contains(other!));
        other!.Dispose();
    }
}
